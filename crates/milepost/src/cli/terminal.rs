//! What commands say to whoever typed them, and what they ask.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};

use rustix::termios::{OutputModes, tcgetattr};

use super::{Failure, Outcome};

/// Prints a line on standard output. Where nobody reads on, as behind `| head`, the command goes on to its end in silence.
macro_rules! say {
    ($($part:tt)*) => { $crate::cli::terminal::print(::std::format_args!("{}\n", ::std::format_args!($($part)*))) };
}
pub(super) use say;

pub(super) fn print(text: fmt::Arguments<'_>) -> Outcome {
    let mut out = io::stdout().lock();
    unless_unread(out.write_fmt(text).and_then(|()| out.flush()))
}

/// Says something beside the output, on standard error. That nobody hears it is no reason to fail.
macro_rules! note {
    ($($part:tt)*) => { $crate::cli::terminal::remark(::std::format_args!($($part)*)) };
}
pub(super) use note;

pub(super) fn remark(text: fmt::Arguments<'_>) {
    let mut out = io::stderr().lock();
    // A terminal that was made raw for a program does not go back to the left by itself.
    let is_raw = tcgetattr(&out).is_ok_and(|modes| !modes.output_modes.contains(OutputModes::OPOST));
    let end = if is_raw { "\r\n" } else { "\n" };
    let _ = out.write_all(format!("milepost: {text}{end}").as_bytes());
}

/// What became of writing to standard output; that nobody reads on is no failure.
pub(super) fn unless_unread(written: io::Result<()>) -> Outcome {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// So many of a thing: `1 job`, `2 jobs`.
pub(super) fn count<N: Copy + fmt::Display + From<u8> + PartialEq>(number: N, thing: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Goes on only if somebody at a terminal types a word that shows that they mean it.
pub(super) fn confirm(what: &str, word: &str, otherwise: &str) -> Outcome {
    if !io::stdin().is_terminal() {
        return Err(Failure("there is no terminal to ask whether you mean it; use --yes".to_owned()));
    }
    print(format_args!("This cannot be undone: {what}.\nType {word} to go on: "))?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed)?;
    if typed.trim().eq_ignore_ascii_case(word) { Ok(()) } else { Err(Failure(otherwise.to_owned())) }
}

/// The first line of standard input, or what is typed twice at a terminal without being shown.
pub(super) fn read_password(from_stdin: bool) -> Result<String, Failure> {
    if from_stdin {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure("there is no terminal to ask for the password; use --password-stdin".to_owned()));
    }
    ask_twice(|prompt| rpassword::prompt_password(prompt))
}

/// The first line of standard input, or what is typed at a terminal without being shown.
pub(super) fn read_secret(from_stdin: bool, prompt: &str) -> Result<String, Failure> {
    let typed = if from_stdin {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        line
    } else if io::stdin().is_terminal() {
        rpassword::prompt_password(prompt)?
    } else {
        return Err(Failure("there is no terminal to ask for the key; use --key-stdin".to_owned()));
    };
    match typed.trim() {
        "" => Err(Failure("no key was given".to_owned())),
        key => Ok(key.to_owned()),
    }
}

fn ask_twice(mut ask: impl FnMut(&str) -> io::Result<String>) -> Result<String, Failure> {
    let typed = ask("Password: ")?;
    if ask("The same again: ")? == typed { Ok(typed) } else { Err(Failure("these were two passwords".to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::{ask_twice, count};

    #[test]
    fn one_thing_is_not_many() {
        assert_eq!([count(0, "job"), count(1, "job"), count(2_u64, "job")], ["0 jobs", "1 job", "2 jobs"]);
    }

    #[test]
    fn a_password_is_typed_twice() {
        let typed = |words: [&'static str; 2]| {
            let mut words = words.into_iter();
            ask_twice(move |_| Ok(words.next().unwrap().to_owned()))
        };
        assert_eq!(typed(["correct horse", "correct horse"]).unwrap(), "correct horse");
        assert_eq!(typed(["correct horse", "correct house"]).unwrap_err().to_string(), "these were two passwords");
    }
}
