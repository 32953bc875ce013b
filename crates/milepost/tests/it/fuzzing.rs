//! What the fuzzer is fed and has found interesting, without the fuzzer: `make fuzz` looks for more.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::PathBuf;

use milepost::fuzzing::TARGETS;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

#[test]
fn every_input_of_the_corpus_is_taken_or_refused_well() {
    for (name, target) in TARGETS {
        let files: Vec<PathBuf> =
            fs::read_dir(corpus().join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 3, "{name} has hardly anything to go by");
        for file in files {
            let input = fs::read(&file).unwrap();
            assert!(catch_unwind(|| target(&input)).is_ok(), "{name} fails with {}", file.display());
        }
    }
}

#[test]
fn every_corpus_and_every_program_of_the_fuzzer_has_its_target() {
    let named = |folder: PathBuf| -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(named(corpus()), targets);
    assert_eq!(named(corpus().join("../fuzz_targets")), targets);
}
