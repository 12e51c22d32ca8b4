//! Wrong use, missing keys, passwords: what needs no node.

use crate::harness::{Done, PASSWORD, Who, carechain, file};

/// A node that nobody runs: port 9 is refused at once.
const NOBODY: &str = "http://127.0.0.1:9";

#[test]
fn wrong_use_is_exit_code_2_and_help_is_0() {
    let run = |args: &[&str]| Done::of(carechain().args(args).output().unwrap());
    assert_eq!(run(&[]).code, 2);
    assert_eq!(run(&["fly"]).code, 2);
    let done = run(&["records", "--category", "vital", "--json"]);
    assert_eq!((done.code, done.text()), (2, String::new()));
    assert_eq!(done.error()["code"], "usage");
    for args in [&["--help"][..], &["import", "--help"], &["--version"]] {
        let done = run(args);
        assert_eq!(done.code, 0);
        assert!(done.text().contains("carechain"), "{}", done.text());
    }
    assert!(run(&["grant", "--help"]).text().contains("Examples:"));
}

#[test]
fn only_a_node_on_this_machine_is_spoken_to() {
    let dir = tempfile::tempdir().unwrap();
    for node in ["https://localhost:1", "http://example.org", "nonsense"] {
        let who = Who::new(node, dir.path(), "k");
        let done = who.run(&["keys", "create"]);
        assert_eq!(done.code, 2, "{}", done.stderr);
        assert_eq!(done.error()["field"], "--node");
    }
}

#[test]
fn a_missing_keyset_or_node_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let who = Who::new(NOBODY, dir.path(), "k");
    for args in [
        &["records"][..],
        &["keys", "show"],
        &["register", "patient"],
        &["tend"],
        &["watch"],
    ] {
        let done = who.run(args).refused("keyset_missing");
        assert!(
            done.error()["message"]
                .as_str()
                .unwrap()
                .contains(dir.path().to_str().unwrap())
        );
    }
    who.run(&["keys", "create"]).refused("unreachable");
    assert!(!who.keyset().exists());
}

#[test]
fn a_password_is_needed_and_never_from_arguments() {
    let dir = tempfile::tempdir().unwrap();
    let who = Who::new(NOBODY, dir.path(), "k");
    let mut command = who.command(&["keys", "create"]);
    Done::of(command.env_remove("CARECHAIN_PASSWORD").output().unwrap()).refused("no_password");
    let empty = file(dir.path(), "empty", b"\n");
    who.run(&["keys", "create", "--password-file", &empty])
        .refused("no_password");
    let done = who.run(&["keys", "create", "--password", PASSWORD]);
    assert_eq!(done.code, 2);
}

#[test]
fn text_errors_say_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let output = carechain()
        .args(["records", "--keyset"])
        .arg(dir.path().join("k"))
        .output()
        .unwrap();
    let done = Done::of(output);
    assert_eq!(done.code, 1);
    assert!(
        done.stderr.starts_with("error: there is no keyset file"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("carechain keys create"),
        "{}",
        done.stderr
    );
}

#[test]
fn words_with_a_mistake_are_refused_and_not_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let who = Who::new(NOBODY, dir.path(), "k");
    let done = who
        .run_with(&["keys", "restore"], "alpha bravo charlie")
        .refused("keys");
    assert!(done.stderr.contains("24"), "{}", done.stderr);
    assert!(!done.stderr.contains("bravo"));
}
