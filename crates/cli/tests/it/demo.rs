//! `node --demo`: it goes on where it was interrupted, and what it prints can be pasted.

use std::io::BufRead;
use std::process::{Command, Stdio};

use crate::harness::{Done, carechain};
use crate::node::NodeProcess;

#[test]
fn demo_people_are_made_whatever_interrupts_and_the_printed_commands_work() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo data");
    for step in [
        "administrator claimed",
        "doctor applied",
        "patient imported",
    ] {
        let mut node = NodeProcess::start(&data, &["--demo"]);
        let mut stderr = node.stderr().lines();
        let line = stderr.find(|line| line.as_ref().unwrap().contains(step));
        assert!(line.is_some(), "{step}");
        node.stop("-KILL");
    }
    let mut node = NodeProcess::start(&data, &["--demo"]);
    let mut printed = String::new();
    for line in node.stderr().lines() {
        let line = line.unwrap();
        printed.push_str(&line);
        printed.push('\n');
        if line.starts_with("Ctrl-C") {
            break;
        }
    }
    let commands: Vec<&str> = printed
        .lines()
        .map(str::trim_start)
        .filter(|l| l.contains(" --keyset "))
        .collect();
    assert_eq!(commands.len(), 3, "{printed}");
    let mut outputs = Vec::new();
    for command in commands {
        let output = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let done = Done::of(output).ok();
        assert!(
            done.text().lines().count() > 1,
            "{command}: {}",
            done.text()
        );
        outputs.push(done.text());
    }
    assert!(outputs[0].contains("laboratory") && !outputs[0].contains("vitals"));
    assert!(outputs[1].contains("vitals") && !outputs[1].contains("laboratory"));
    assert!(outputs[2].contains("Dr Asha Rao"));
    assert_eq!(node.stop("-TERM").0, Some(0));

    // All is there: the next start makes nothing, and its password opens the keysets.
    let mut node = NodeProcess::start(&data, &["--demo", "--json"]);
    let ready = node.ready();
    let password = ready["demo_password"].as_str().unwrap();
    assert!(printed.contains(password));
    for (who, note) in [("patient", 1), ("doctor", 0), ("administrator", 0)] {
        let mut show = carechain();
        show.args([
            "access",
            "--json",
            "--node",
            ready["url"].as_str().unwrap(),
            "--keyset",
        ]);
        show.arg(data.join(format!("demo/{who}.keyset")))
            .env("CARECHAIN_PASSWORD", password);
        let done = Done::of(show.output().unwrap()).ok();
        if who == "patient" {
            assert_eq!(
                done.rows().len(),
                note,
                "one grant, however often it was begun"
            );
        }
    }
    assert_eq!(node.stop("-TERM").0, Some(0));
}
