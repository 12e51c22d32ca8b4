//! Several people: approval, requests, grants, notes, receipts, revoking, notifications.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use carechain_testkit::TestNode;
use serde_json::{Value, json};

use crate::harness::{Who, file, observation};

struct Clinic {
    node: TestNode,
    admin: Who,
    doctor: Who,
    doctor_subject: String,
    patient: Who,
    patient_subject: String,
}

/// A claimed node, an approved doctor, a patient with a vital sign and a laboratory result.
async fn clinic() -> Clinic {
    let node = TestNode::start().await;
    let dir = node.scratch();
    let who = |name| Who::new(node.url(), &dir, name);
    let (admin, doctor, patient) = (who("admin"), who("doctor"), who("patient"));
    admin
        .run(&["keys", "create", "--kind", "administrator"])
        .ok();
    admin
        .run_with(&["admin", "claim"], "WRONG-CODE")
        .refused("denied");
    admin.run_with(&["admin", "claim"], &node.claim_code()).ok();
    let doctor_subject = doctor.join("doctor");
    let licence = file(&dir, "licence.txt", b"a licence");
    doctor.run(&["apply", &licence]).ok();
    let pending = admin.run(&["admin", "list"]).ok().rows();
    assert_eq!(
        (pending.len(), &pending[0]["subject"]),
        (1, &doctor_subject.as_str().into())
    );
    let papers = dir.join("papers");
    let papers = admin
        .run(&[
            "admin",
            "documents",
            &doctor_subject,
            "-o",
            papers.to_str().unwrap(),
        ])
        .ok();
    assert_eq!(
        std::fs::read(papers.last()["file"].as_str().unwrap()).unwrap(),
        b"a licence"
    );
    assert_eq!(
        admin
            .run(&["admin", "approve", &doctor_subject])
            .ok()
            .last()["status"],
        "approved"
    );
    let patient_subject = patient.join("patient");
    let vital = observation("pulse", "vital-signs", "8867-4", 60.0);
    let sugar = observation("sugar", "laboratory", "4548-4", 6.5);
    let both = file(
        &dir,
        "both.ndjson",
        format!("{vital}\n{sugar}\n").as_bytes(),
    );
    patient.run(&["import", &both]).ok();
    Clinic {
        node,
        admin,
        doctor,
        doctor_subject,
        patient,
        patient_subject,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_reads_what_was_granted_until_it_is_revoked() {
    let c = clinic().await;
    c.doctor
        .run(&["records", "--patient", &c.patient_subject])
        .refused("not_granted");
    let found = c
        .patient
        .run(&["directory", "--kind", "doctor"])
        .ok()
        .rows();
    assert_eq!(found[0]["subject"], c.doctor_subject.as_str());

    let grant = c
        .patient
        .run(&[
            "grant",
            &c.doctor_subject,
            "--read",
            "vitals",
            "--until",
            "1d",
        ])
        .ok()
        .last();
    let rows = c
        .doctor
        .run(&["records", "--patient", &c.patient_subject])
        .ok()
        .rows();
    assert_eq!((rows.len(), &rows[0]["category"]), (1, &"vitals".into()));
    c.doctor
        .run(&[
            "records",
            "--patient",
            &c.patient_subject,
            "--category",
            "laboratory",
        ])
        .refused("not_granted");
    let record = rows[0]["record"].as_str().unwrap();
    c.doctor
        .run(&["get", record, "--patient", &c.patient_subject])
        .ok();
    let sugar = c
        .patient
        .run(&["records", "--category", "laboratory"])
        .ok()
        .last();
    let sugar = sugar["record"].as_str().unwrap();
    c.doctor
        .run(&["get", sugar, "--patient", &c.patient_subject])
        .refused("not_found");

    let receipts = c.patient.run(&["receipts"]).ok().rows();
    assert!(
        receipts
            .iter()
            .all(|r| r["reader"] == c.doctor_subject.as_str()),
        "{receipts:?}"
    );
    let opened = |r: &Value| r["records"] == json!([{"record": record, "version": 1}]);
    assert!(receipts.iter().any(opened), "{receipts:?}");
    assert!(
        receipts
            .iter()
            .any(|r| r["categories"] == json!(["vitals"])),
        "{receipts:?}"
    );

    let access = c.patient.run(&["access"]).ok().rows();
    assert_eq!((access.len(), &access[0]["grant"]), (1, &grant["grant"]));
    assert_eq!(access[0]["read"], json!(["vitals"]));
    assert_eq!(
        c.doctor.run(&["access"]).ok().rows()[0]["subject"],
        c.patient_subject.as_str()
    );
    let short = &grant["grant"].as_str().unwrap()[..14];
    assert!(c.patient.run(&["revoke", short]).ok().last()["block"].is_u64());
    c.doctor
        .run(&["records", "--patient", &c.patient_subject])
        .refused("not_granted");
    assert!(c.patient.run(&["access"]).ok().rows().is_empty());
    assert_eq!(
        c.patient.run(&["access", "--all"]).ok().rows()[0]["state"],
        "revoked"
    );
    c.patient.run(&["verify", "--all"]).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doctor_asks_writes_a_note_and_the_patient_reads_it() {
    let c = clinic().await;
    let dir = c.node.scratch();
    let ask = [
        "--read",
        "vitals,laboratory",
        "--write",
        "notes",
        "--until",
        "2d",
        "--text",
        "check-up",
    ];
    let request = c
        .doctor
        .run(&[&["request", &c.patient_subject][..], &ask].concat())
        .ok()
        .last();
    let open = c.patient.run(&["requests"]).ok().rows();
    assert_eq!((open.len(), &open[0]["request"]), (1, &request["request"]));
    assert_eq!(
        (&open[0]["text"], &open[0]["write"]),
        (&"check-up".into(), &json!(["notes"]))
    );
    let id = request["request"].as_str().unwrap();
    // The patient gives less to read than was asked for.
    let less = ["--read", "vitals,notes", "--write", "notes"];
    c.patient
        .run(&[&["answer", &id[..14], "accept"][..], &less].concat())
        .ok();
    assert!(c.patient.run(&["requests"]).ok().rows().is_empty());
    assert_eq!(
        c.doctor.run(&["requests", "--all"]).ok().rows()[0]["state"],
        "accepted"
    );

    let note = r#"{"resourceType":"DocumentReference","id":"n1","status":"current","date":"2026-03-02T10:00:00Z","content":[{"attachment":{"contentType":"text/plain","data":"aGVsbG8="}}]}"#;
    let note = file(&dir, "note.json", note.as_bytes());
    let into = ["--patient", &c.patient_subject];
    let report = c
        .doctor
        .run(&[&["import", &note][..], &into].concat())
        .ok()
        .last();
    assert_eq!(report["stored"], 1);
    assert_eq!(
        c.doctor
            .run(&[&["import", &note][..], &into].concat())
            .ok()
            .last()["unchanged"],
        1
    );
    let vital = file(
        &dir,
        "v.json",
        observation("v", "vital-signs", "8867-4", 61.0).as_bytes(),
    );
    c.doctor
        .run(&[&["import", &vital][..], &into].concat())
        .refused("rejected");

    let rows = c
        .patient
        .run(&["records", "--category", "notes"])
        .ok()
        .rows();
    assert_eq!(
        (rows.len(), &rows[0]["author"]),
        (1, &c.doctor_subject.as_str().into())
    );
    c.patient.run(&["verify", "--all"]).ok();
    let record = rows[0]["record"].as_str().unwrap();
    let remark = file(&dir, "remark.txt", b"that was another day");
    let amend = ["--category", "notes", "--amends", record];
    c.patient
        .run(&[&["attach", &remark][..], &amend].concat())
        .ok();
    let rows = c
        .patient
        .run(&["records", "--category", "notes"])
        .ok()
        .rows();
    assert!(rows.iter().any(|r| r["amends"] == record), "{rows:?}");

    let request = c
        .doctor
        .run(&["request", &c.patient_subject, "--read", "all"])
        .ok()
        .last();
    c.patient
        .run(&["answer", request["request"].as_str().unwrap(), "refuse"])
        .ok();
    assert_eq!(c.doctor.run(&["request", &c.patient_subject]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_decide_with_reasons_and_others_cannot() {
    let c = clinic().await;
    assert_eq!(
        c.admin.run(&["admin", "suspend", &c.doctor_subject]).code,
        2
    );
    let suspend = [
        "admin",
        "suspend",
        &c.doctor_subject,
        "--reason",
        "complaint",
    ];
    c.patient.run(&suspend).refused("reverted");
    c.patient
        .run(&["grant", &c.doctor_subject, "--read", "vitals"])
        .ok();
    assert_eq!(c.admin.run(&suspend).ok().last()["status"], "suspended");
    c.doctor
        .run(&["records", "--patient", &c.patient_subject])
        .refused("not_approved");
    let listed = c
        .admin
        .run(&["admin", "list", "--status", "suspended"])
        .ok()
        .rows();
    assert_eq!(listed.len(), 1);
    c.admin.run(&["admin", "reinstate", &c.doctor_subject]).ok();
    c.patient.run(&["tend"]).ok();
    assert_eq!(
        c.doctor
            .run(&["records", "--patient", &c.patient_subject])
            .ok()
            .rows()
            .len(),
        1
    );
    let invitation = c
        .admin
        .run(&["admin", "invite", "administrator"])
        .ok()
        .last();
    let code = file(
        &c.node.scratch(),
        "code",
        invitation["code"].as_str().unwrap().as_bytes(),
    );
    let second = Who::new(c.node.url(), &c.node.scratch(), "second");
    second.run(&["keys", "create"]).ok();
    second
        .run(&["register", "administrator", "--invitation-file", &code])
        .ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_come_while_one_watches() {
    let c = clinic().await;
    let mut child = c
        .doctor
        .command(&["watch", "--after", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    // The approval was before; what follows comes live.
    assert_eq!(next()["notice"], "status-changed");
    c.patient
        .run(&["grant", &c.doctor_subject, "--read", "vitals"])
        .ok();
    let granted = next();
    assert_eq!(
        (&granted["notice"], &granted["subject"]),
        (&"access-granted".into(), &c.patient_subject.as_str().into())
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let seen = c.doctor.run(&["watch", "--now", "--mark-read"]).ok().rows();
    assert!(seen.len() >= 2);
    assert_eq!(
        c.doctor.run(&["watch", "--count", "1"]).ok().rows().len(),
        1
    );
}
