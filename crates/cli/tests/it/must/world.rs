//! A node with an administrator and a patient, and what tests ask of it.

use carechain_client::{Chart, ChartQuery};
use carechain_crypto::KeysetHeader;
use carechain_domain::{Category, Epochs, Lane, LaneSet, RecordId};
use carechain_testkit::{ByHand, Somebody, TestNode};

/// A node, its administrator, and a patient.
pub(super) struct World {
    pub(super) node: TestNode,
    pub(super) patient: Somebody,
    administrator: Somebody,
}

impl World {
    pub(super) async fn new() -> World {
        let node = TestNode::start().await;
        let administrator = Somebody::administrator(node.url(), &node.claim_code()).await;
        let patient = Somebody::patient(node.url()).await;
        World {
            node,
            patient,
            administrator,
        }
    }

    /// Another approved doctor.
    pub(super) async fn doctor(&self, name: &str) -> Somebody {
        Somebody::doctor(self.node.url(), name, &self.administrator).await
    }

    /// Somebody's keys, used without the client.
    pub(super) fn by_hand(&self, who: &Somebody) -> ByHand {
        ByHand::of(who, self.node.url())
    }

    /// The epochs of the patient's lanes.
    pub(super) async fn epochs(&self) -> Epochs {
        let all = self
            .by_hand(&self.patient)
            .release(self.patient.subject, LaneSet::ALL, &[])
            .await;
        all.unwrap().header.epochs
    }
}

/// The lane that a category has in somebody's record.
pub(super) fn lane(patient: &Somebody, category: Category) -> Lane {
    let lanes = patient.keys().secrets().roots.lanes(&patient.subject.0);
    Lane::try_from(lanes.lane(category as u8).unwrap().number()).unwrap()
}

/// What somebody sees of a record, checked by the client.
pub(super) async fn chart(who: &Somebody, of: &Somebody) -> Chart {
    let query = ChartQuery {
        contents: true,
        ..ChartQuery::default()
    };
    who.device().await.chart(of.subject, &query).await.unwrap()
}

/// The newest versions in a chart.
pub(super) fn records(chart: &Chart) -> Vec<RecordId> {
    chart.current().map(|row| row.record).collect()
}

/// What a keyset says in the clear.
pub(super) fn header(who: &Somebody) -> KeysetHeader {
    who.keys().header().clone()
}
