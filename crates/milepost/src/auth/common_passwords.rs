//! The passwords that whoever guesses tries first. Where the list is from stands beside it, in `common_passwords/LICENSE`.

use std::collections::HashSet;
use std::sync::LazyLock;

/// The 3,000 most common ones that are long enough for us, in lower case.
const LIST: &str = include_str!("common_passwords/list.txt");

/// Whether a password is one of them, however it is capitalised.
pub fn is_common(password: &str) -> bool {
    static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| LIST.lines().collect());
    COMMON.contains(password.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_each_of_its_passwords_would_be_long_enough() {
        assert_eq!(LIST.lines().collect::<HashSet<_>>().len(), 3_000);
        assert!(LIST.lines().all(|password| password.chars().count() >= 8 && password.to_lowercase() == password));
    }

    #[test]
    fn capitals_make_no_difference() {
        for common in ["password1", "Password1", "PASSWORD1", "12345678", "qwertyuiop", "88888888"] {
            assert!(is_common(common), "{common}");
        }
        assert!(!is_common("password 1") && !is_common("correct horse battery"));
    }
}
