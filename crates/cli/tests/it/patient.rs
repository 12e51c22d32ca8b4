//! A patient alone: keys, registration, import, list, get, verify, restore.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use base64::Engine;
use carechain_testkit::TestNode;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::harness::{Done, Who, bundle, file, observation, person};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_shown_and_registered_once() {
    let node = TestNode::start().await;
    let dir = node.scratch();
    let who = Who::new(node.url(), &dir, "keys");
    let made = who.run(&["keys", "create"]).ok().last();
    assert_eq!(made["words"].as_str().unwrap().split(' ').count(), 24);
    assert_eq!(made["kind"], "patient");
    let mode = std::fs::metadata(who.keyset())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    who.run(&["keys", "create"]).refused("keyset_exists");

    let shown = who.run(&["keys", "show"]).ok().last();
    for field in ["subject", "address", "kind"] {
        assert_eq!(shown[field], made[field], "{field}");
    }
    who.run(&["records"]).refused("not_registered");
    let registered = who.run(&["register", "patient"]).ok().last();
    assert_eq!(registered["subject"], made["subject"]);
    assert_eq!(registered["status"], "approved");
    who.run(&["register", "patient"]).refused("already");

    let mut command = who.command(&["records"]);
    let wrong = Done::of(command.env("CARECHAIN_PASSWORD", "wrong").output().unwrap());
    wrong.refused("wrong_password");
    let other = file(&dir, "new-password", b"another password\n");
    who.run(&["keys", "password", "--new-password-file", &other])
        .ok();
    who.run(&["records"]).refused("wrong_password");
    who.run(&["records", "--password-file", &other]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_made_for_nobody_in_particular_become_a_doctors() {
    let node = TestNode::start().await;
    let who = Who::new(node.url(), &node.scratch(), "keys");
    who.run(&["keys", "create"]).ok();
    let doctor = who
        .run(&["register", "doctor", "--name", "Dr Who", "--language", "en"])
        .ok()
        .last();
    assert_eq!(
        (&doctor["kind"], &doctor["status"]),
        (&"doctor".into(), &"pending".into())
    );
    assert_eq!(who.run(&["keys", "show"]).ok().last()["kind"], "doctor");
    let profile = who.run(&["profile", "--place", "Pune"]).ok().last();
    assert_eq!(profile["profile"]["name"], "Dr Who");
    assert_eq!(profile["profile"]["place"], "Pune");
    assert_eq!(who.run(&["register", "patient"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_imported_is_read_back_byte_for_byte() {
    let node = TestNode::start().await;
    let dir = node.scratch();
    let who = Who::new(node.url(), &dir, "keys");
    let subject = who.join("patient");
    let pulse = observation("pulse", "vital-signs", "8867-4", 60.0);
    let sugar = observation("sugar", "laboratory", "4548-4", 6.5);
    let folder = dir.join("in");
    let chart = bundle(&[person("p", "Ada", "Byron", "1980-01-02"), pulse.clone()]);
    file(&folder, "a/chart.json", chart.as_bytes());
    file(
        &folder,
        "lab.ndjson.gz",
        &gzip(format!("{sugar}\n\n").as_bytes()),
    );
    file(&folder, "readme.txt", b"no FHIR");
    let folder = folder.to_str().unwrap();

    let report = who.run(&["import", folder]).ok().last();
    assert_eq!(
        report,
        serde_json::json!({"resources": 3, "stored": 3, "unchanged": 0, "rejected": []})
    );
    let again = who.run(&["import", folder]).ok().last();
    assert_eq!(
        again,
        serde_json::json!({"resources": 3, "stored": 0, "unchanged": 3, "rejected": []})
    );

    let rows = who.run(&["records"]).ok().rows();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        for field in [
            "record", "version", "type", "category", "date", "author", "cid",
        ] {
            assert!(row.get(field).is_some(), "{field} in {row}");
        }
        assert_eq!(row["author"], subject.as_str());
    }
    let one = |args: &[&str]| {
        let rows = who.run(args).ok().rows();
        assert_eq!(rows.len(), 1, "{args:?}");
        rows[0]["record"].as_str().unwrap().to_owned()
    };
    let vitals = one(&["records", "--category", "vitals"]);
    assert_eq!(
        one(&[
            "records",
            "--category",
            "laboratory",
            "--type",
            "Observation"
        ])
        .len(),
        66
    );
    one(&["records", "--type", "Patient"]);

    let mut plain = who.command(&["get", &vitals[..20]]);
    let args: Vec<_> = plain
        .get_args()
        .filter(|a| *a != "--json")
        .map(ToOwned::to_owned)
        .collect();
    plain = crate::harness::carechain();
    plain
        .args(args)
        .env("CARECHAIN_PASSWORD", crate::harness::PASSWORD);
    assert_eq!(
        Done::of(plain.output().unwrap()).ok().stdout,
        pulse.as_bytes()
    );
    let json = who.run(&["get", &vitals]).ok().last();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(json["base64"].as_str().unwrap())
        .unwrap();
    assert_eq!(bytes, pulse.as_bytes());
    assert_eq!(
        (&json["record"], &json["version"]),
        (&vitals.as_str().into(), &1.into())
    );
    assert_eq!(json["media_type"], "application/fhir+json");
    let out = dir.join("out.json");
    who.run(&["get", &vitals, "-o", out.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read(&out).unwrap(), pulse.as_bytes());
    assert_eq!(
        who.run(&["view", &vitals]).ok().last()["view"]["resource_type"],
        "Observation"
    );
    who.run(&["get", &format!("0x{}", "12".repeat(32))])
        .refused("not_found");

    let verified = who.run(&["verify", "--all"]).ok().last();
    let expected = serde_json::json!({
        "versions": 3, "good": 3, "erased": 0, "waiting": 0, "complete": true, "faults": 0
    });
    assert_eq!(verified, expected);
    who.run(&["verify", &vitals]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_resource_is_the_next_version_and_an_attachment_is_kept() {
    let node = TestNode::start().await;
    let dir = node.scratch();
    let who = Who::new(node.url(), &dir, "keys");
    who.join("patient");
    let first = file(
        &dir,
        "o.json",
        observation("w", "vital-signs", "29463-7", 70.0).as_bytes(),
    );
    who.run(&["import", &first]).ok();
    let second = file(
        &dir,
        "o.json",
        observation("w", "vital-signs", "29463-7", 71.0).as_bytes(),
    );
    assert_eq!(who.run(&["import", &second]).ok().last()["stored"], 1);
    let rows = who.run(&["records"]).ok().rows();
    assert_eq!((rows.len(), &rows[0]["version"]), (1, &2.into()));
    assert_eq!(who.run(&["records", "--all-versions"]).ok().rows().len(), 2);

    let scan = file(&dir, "scan.png", b"\x89PNG not really");
    assert_eq!(who.run(&["attach", &scan]).code, 2);
    let added = who
        .run(&["attach", &scan, "--category", "imaging", "--title", "Hand"])
        .ok()
        .last();
    assert_eq!(
        (&added["media_type"], &added["category"]),
        (&"image/png".into(), &"imaging".into())
    );
    assert_eq!(
        who.run(&["attach", &scan, "--category", "imaging"])
            .ok()
            .last()["stored"],
        false
    );
    assert_eq!(who.run(&["tend"]).ok().last()["stuck"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stored_is_named() {
    let node = TestNode::start().await;
    let dir = node.scratch();
    let who = Who::new(node.url(), &dir, "keys");
    who.join("patient");
    let own = bundle(&[person("p", "Ada", "Byron", "1980-01-02")]);
    who.run(&["import", &file(&dir, "own.json", own.as_bytes())])
        .ok();

    let pulse = observation("x", "vital-signs", "8867-4", 60.0);
    let other = bundle(&[person("q", "Grace", "Hopper", "1906-12-09"), pulse]);
    let other = file(&dir, "other.json", other.as_bytes());
    let done = who.run(&["import", &other]).refused("rejected");
    assert_eq!(done.last()["stored"], 0);
    let rejected = done.last()["rejected"].as_array().unwrap().clone();
    assert_eq!(rejected.len(), 2);
    assert!(
        rejected[0]["message"]
            .as_str()
            .unwrap()
            .contains("another person"),
        "{rejected:?}"
    );
    assert_eq!(rejected[0]["file"], other.as_str());
    assert_eq!(
        who.run(&["import", "--other-person", &other]).ok().last()["stored"],
        2
    );

    let faulty = r#"{"resourceType":"Observation","id":"f","status":"wrong","code":{"text":"x"}}"#;
    let faulty = file(&dir, "faulty.json", faulty.as_bytes());
    let done = who.run(&["import", &faulty]).refused("rejected");
    let row = done.last()["rejected"][0].clone();
    assert!(row["path"].as_str().unwrap().contains("status"), "{row}");
    assert_eq!(
        who.run(&["import", "--lenient", &faulty]).ok().last()["stored"],
        1
    );

    // A megabyte of zeros, 257 times over: 260 KB that would unpack to more than any document has.
    let bomb = file(&dir, "bomb.json.gz", &gzip(&vec![0; 1 << 20]).repeat(257));
    let done = who.run(&["import", &bomb]).refused("rejected");
    let report = done.last();
    assert_eq!(
        (&report["resources"], &report["stored"]),
        (&1.into(), &0.into())
    );
    assert!(
        report["rejected"][0]["message"]
            .as_str()
            .unwrap()
            .contains("256 MiB"),
        "{report}"
    );

    let missing = dir.join("missing.json");
    who.run(&["import", missing.to_str().unwrap()])
        .refused("file");
    assert_eq!(who.run(&["import", &file(&dir, "a.txt", b"")]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_alone_bring_everything_back() {
    let node = TestNode::start().await;
    let dir = node.scratch();
    let who = Who::new(node.url(), &dir, "old/keys");
    let words = who.run(&["keys", "create"]).ok().last()["words"]
        .as_str()
        .unwrap()
        .to_owned();
    who.run(&["register", "patient"]).ok();
    let pulse = observation("pulse", "vital-signs", "8867-4", 60.0);
    who.run(&["import", &file(&dir, "in.json", pulse.as_bytes())])
        .ok();
    let before = who.run(&["records"]).ok().rows();
    std::fs::remove_dir_all(dir.join("old")).unwrap();

    let new = Who::new(node.url(), &dir, "new/keys");
    let restored = new
        .run_with(&["keys", "restore"], &format!("{words}\n"))
        .ok()
        .last();
    assert_eq!(restored["subject"], before[0]["author"]);
    assert_eq!(new.run(&["records"]).ok().rows(), before);
    new.run(&["verify", "--all"]).ok();
    let shown = new.run(&["keys", "show"]).ok().last();
    assert_eq!(shown["address"], restored["address"]);

    // Somebody else's words are nobody's here.
    let stranger = "abandon ".repeat(23) + "art";
    let third = Who::new(node.url(), &dir, "third/keys");
    third
        .run_with(&["keys", "restore"], &stranger)
        .refused("nobody_found");
}
