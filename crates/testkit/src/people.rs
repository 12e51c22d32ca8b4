//! People for tests: an administrator, doctors and patients with real keys, registered at a real node.

use carechain_client::{
    ApplicationDocument, Device, NewGrant, NewKeys, NewRecord, PasswordCost, Registration, Words,
    create_keys,
};
use carechain_crypto::{Keyset, OpenKeyset};
use carechain_domain::{Category, Decision, GrantId, Kind, Purpose, RecordId, SubjectId};

use crate::surroundings::{Surroundings, now_secs};

/// Password of every test keyset.
pub const PASSWORD: &str = "correct horse battery staple";

/// The cheapest password hashing that is taken: tests open many keysets.
pub fn cheap() -> PasswordCost {
    PasswordCost::new(8, 1, 1).expect("the smallest cost is taken")
}

/// Somebody with keys.
pub struct Somebody {
    /// The 24 words.
    pub words: Words,
    /// The keyset file.
    pub keyset: Vec<u8>,
    /// The subject.
    pub subject: SubjectId,
    /// The machine.
    pub machine: Surroundings,
}

impl Somebody {
    /// Makes keys at the node and registers them.
    pub async fn register(url: &str, kind: Kind, how: &Registration) -> Somebody {
        let machine = Surroundings::new(url);
        let new = NewKeys {
            kind,
            index: 0,
            words: None,
            password: PASSWORD,
            cost: cheap(),
        };
        let made = create_keys(machine.clone(), new)
            .await
            .expect("keys are made");
        let mut device = Device::open(machine.clone(), &made.keyset, PASSWORD)
            .await
            .expect("the keyset opens");
        let keyset = device.register(how).await.expect("registration succeeds");
        Somebody {
            words: made.words,
            keyset,
            subject: made.subject,
            machine,
        }
    }

    /// A patient.
    pub async fn patient(url: &str) -> Somebody {
        Self::register(url, Kind::Patient, &Registration::default()).await
    }

    /// The first administrator.
    pub async fn administrator(url: &str, claim: &str) -> Somebody {
        let how = Registration {
            claim: Some(claim.to_owned()),
            ..Registration::default()
        };
        Self::register(url, Kind::Administrator, &how).await
    }

    /// A doctor, approved by `administrator`.
    pub async fn doctor(url: &str, name: &str, administrator: &Somebody) -> Somebody {
        let profile =
            serde_json::json!({ "name": name, "speciality": "cardiology", "languages": ["en"] });
        let how = Registration {
            profile: Some(profile.to_string().into_bytes()),
            ..Registration::default()
        };
        let doctor = Self::register(url, Kind::Doctor, &how).await;
        let licence = ApplicationDocument {
            name: "licence.txt".to_owned(),
            media_type: "text/plain".to_owned(),
            bytes: b"licensed".to_vec(),
        };
        doctor
            .device()
            .await
            .apply(vec![licence])
            .await
            .expect("the application is taken");
        let vote = administrator
            .device()
            .await
            .vote(doctor.subject, Decision::Approve, None)
            .await;
        assert_eq!(
            vote.expect("the vote is taken"),
            carechain_domain::Status::Approved
        );
        doctor
    }

    /// A device on this person's machine.
    pub async fn device(&self) -> Device<Surroundings> {
        self.device_on(self.machine.clone()).await
    }

    /// A device on a machine that holds nothing but the keyset file.
    pub async fn device_on(&self, machine: Surroundings) -> Device<Surroundings> {
        Device::open(machine, &self.keyset, PASSWORD)
            .await
            .expect("the keyset opens")
    }

    /// The open keyset, for tests that look at keys.
    pub fn keys(&self) -> OpenKeyset {
        Keyset::parse(&self.keyset)
            .and_then(|keyset| keyset.open(PASSWORD))
            .expect("the keyset opens")
    }
}

/// A grant to read and write, for `secs` seconds.
pub fn grant_of(grantee: SubjectId, read: &[Category], write: &[Category], secs: u64) -> NewGrant {
    NewGrant {
        grantee,
        read: read.to_vec(),
        write: write.to_vec(),
        purpose: Purpose::Treatment,
        not_after: now_secs() + secs,
        request: None,
        name: None,
    }
}

/// An hour.
pub const HOUR_SECS: u64 = 3_600;

impl Somebody {
    /// Grants for an hour.
    pub async fn grants(
        &self,
        grantee: SubjectId,
        read: &[Category],
        write: &[Category],
    ) -> GrantId {
        let new = grant_of(grantee, read, write, HOUR_SECS);
        self.device()
            .await
            .grant(&new)
            .await
            .expect("the grant is made")
    }

    /// Adds a FHIR resource to `subject`'s record.
    pub async fn adds(&self, subject: SubjectId, resource: &str) -> RecordId {
        let device = self.device().await;
        device
            .add(&fhir(subject, resource))
            .await
            .expect("the record is added")
            .record
    }
}

/// A FHIR resource to be added.
pub fn fhir(subject: SubjectId, resource: &str) -> NewRecord<'_> {
    NewRecord {
        subject,
        media_type: "application/fhir+json",
        bytes: resource.as_bytes(),
        category: None,
        title: None,
        amends: None,
    }
}

/// A heart rate: a vital sign.
pub fn pulse(id: &str, per_minute: u32) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"8867-4","display":"Heart rate"}}]}},"effectiveDateTime":"2026-03-01","valueQuantity":{{"value":{per_minute},"unit":"/min","system":"http://unitsofmeasure.org","code":"/min"}}}}"#
    )
}

/// A blood sugar: a laboratory result.
pub fn glucose(id: &str, mmol: u32) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"15074-8","display":"Glucose"}}]}},"effectiveDateTime":"2026-03-02","valueQuantity":{{"value":{mmol},"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}}}"#
    )
}

/// A doctor's note.
pub fn note(id: &str, text: &str) -> String {
    let resource = serde_json::json!({
        "resourceType": "DocumentReference",
        "id": id,
        "status": "current",
        "type": { "coding": [{ "system": "http://loinc.org", "code": "11506-3", "display": "Progress note" }] },
        "date": "2026-03-03T10:00:00Z",
        "content": [{ "attachment": { "contentType": "text/plain", "title": text } }],
    });
    resource.to_string()
}
