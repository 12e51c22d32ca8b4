//! The chain's own rules: fees, history, admission, proofs.

use crate::{
    node::{Node, WAIT, config, genesis, key},
    wallet::{CHAIN_ID, Wallet},
};
use alloy_consensus::{TxEip1559, TxEip2930, TxLegacy};
use alloy_eips::{BlockId, eip2935::HISTORY_STORAGE_ADDRESS};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_rlp::Encodable;
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use carechain_chain::{Admission, AdmissionRequest, Chain, ChainError, Ingress, Refusal, TxError};

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_balance_sends_at_any_fee() {
    let node = Node::start();
    let poor = Wallet::new("poor");
    let to = TxKind::Call(Address::repeat_byte(5));
    let fee = TxEip1559 {
        max_fee_per_gas: 10u128.pow(12),
        max_priority_fee_per_gas: 10u128.pow(10),
        ..poor.tx(0, to, Bytes::new())
    };
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 1,
        gas_price: 7,
        gas_limit: 50_000,
        to,
        ..Default::default()
    };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 2,
        gas_price: 9,
        gas_limit: 50_000,
        to,
        ..Default::default()
    };
    for raw in [poor.sign(fee), poor.sign(legacy), poor.sign(listed)] {
        let receipt = node.send(&raw).await.unwrap();
        assert!(receipt.inner.status());
        assert_eq!(receipt.effective_gas_price, 0);
    }
    assert_eq!(node.chain.head().header.base_fee_per_gas, Some(0));
    assert_eq!(
        node.chain
            .balance(key().address(), BlockId::latest())
            .unwrap(),
        U256::ZERO
    );
    // A value must be there all the same.
    let value = TxEip1559 {
        value: U256::from(1),
        ..poor.tx(3, to, Bytes::new())
    };
    let refused = node.send(&poor.sign(value)).await.unwrap_err();
    assert!(
        matches!(refused, ChainError::Tx(TxError::InsufficientFunds)),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn values_move_and_a_second_spend_is_dropped() {
    let node = Node::start();
    let rich = Wallet::new("rich");
    let to = Address::repeat_byte(6);
    let pay = |nonce, value: u64| {
        let tx = TxEip1559 {
            value: U256::from(value),
            ..rich.tx(nonce, TxKind::Call(to), Bytes::new())
        };
        rich.sign(tx)
    };
    node.send(&pay(0, 999_999)).await.unwrap();
    assert_eq!(
        node.chain.balance(to, BlockId::latest()).unwrap(),
        U256::from(999_999)
    );
    assert_eq!(node.chain.balance(to, 0.into()).unwrap(), U256::ZERO);
    assert!(matches!(
        node.send(&pay(1, 2)).await,
        Err(ChainError::Tx(TxError::InsufficientFunds))
    ));
    node.send(&pay(1, 1)).await.unwrap();
    assert!(matches!(
        node.send(&pay(1, 0)).await,
        Err(ChainError::Tx(TxError::NonceTooLow { next: 2, nonce: 1 }))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn sending_again_is_known_or_answered() {
    let node = Node::start();
    let raw = Wallet::new("a").call(0, Address::ZERO, b"x");
    let first = node.send(&raw).await.unwrap();
    assert!(matches!(
        node.chain.send(&raw, Ingress::Listener),
        Err(ChainError::Tx(TxError::AlreadyKnown))
    ));
    assert_eq!(
        node.send(&raw).await.unwrap(),
        first,
        "a client that retries gets its receipt"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_contract_knows_every_parent() {
    let node = Node::start();
    for nonce in 0..4 {
        node.send(&Wallet::new("a").call(nonce, Address::ZERO, b"x"))
            .await
            .unwrap();
    }
    let head = node.chain.head().number;
    for number in 0..head {
        let input = Bytes::from(B256::from(U256::from(number)).to_vec());
        let found = node.chain.view(HISTORY_STORAGE_ADDRESS, input).unwrap();
        assert_eq!(found, node.chain.head_at(number).unwrap().hash.to_vec());
        let slot = B256::from(U256::from(number));
        let proven = node
            .chain
            .proof(HISTORY_STORAGE_ADDRESS, &[slot], BlockId::latest())
            .unwrap();
        assert_eq!(
            B256::from(proven.storage_proof[0].value),
            node.chain.head_at(number).unwrap().hash
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_verify_against_the_header_at_every_kept_block() {
    let node = Node::start();
    let counter = node.deploy_counter().await;
    for nonce in 0..10 {
        node.send(&Wallet::new("a").call(nonce, counter, b"x"))
            .await
            .unwrap();
    }
    for number in 1..=node.chain.head().number {
        let root = node.chain.head_at(number).unwrap().header.state_root;
        let proof = node
            .chain
            .proof(counter, &[B256::ZERO, B256::repeat_byte(9)], number.into())
            .unwrap();
        let account = TrieAccount {
            nonce: proof.nonce,
            balance: proof.balance,
            storage_root: proof.storage_hash,
            code_hash: proof.code_hash,
        };
        let key = Nibbles::unpack(keccak256(counter));
        verify_proof(
            root,
            key,
            Some(alloy_rlp::encode(account)),
            &proof.account_proof,
        )
        .unwrap();
        for slot in &proof.storage_proof {
            let mut value = Vec::new();
            slot.value.encode(&mut value);
            let expected = (!slot.value.is_zero()).then_some(value);
            let key = Nibbles::unpack(keccak256(slot.key.as_b256()));
            verify_proof(proof.storage_hash, key, expected, &slot.proof).unwrap();
        }
        assert_eq!(proof.storage_proof[0].value, U256::from(number - 1));
    }
    let absent = Address::repeat_byte(0xee);
    let proof = node.chain.proof(absent, &[], BlockId::latest()).unwrap();
    let root = node.chain.head().header.state_root;
    verify_proof(
        root,
        Nibbles::unpack(keccak256(absent)),
        None,
        &proof.account_proof,
    )
    .unwrap();
}

struct Picky;

impl Admission for Picky {
    fn admit(&self, request: &AdmissionRequest<'_>) -> Result<(), Refusal> {
        if request.ingress == Ingress::Gateway && request.to.is_none() {
            return Err(Refusal::new(
                "deployer_not_allowed",
                "only the operator deploys",
            ));
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn admission_refuses_by_name_and_by_door() {
    let node = Node::admitting(Picky);
    let raw = Wallet::new("a").deploy(0);
    let refused = node
        .chain
        .send_sync(&raw, Ingress::Gateway, WAIT)
        .await
        .unwrap_err();
    assert!(matches!(&refused, ChainError::Admission(r) if r.code == "deployer_not_allowed"));
    assert_eq!(node.chain.pending_count(), 0);
    assert!(
        node.chain
            .send_sync(&raw, Ingress::Listener, WAIT)
            .await
            .unwrap()
            .inner
            .status()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_are_certified_and_arrive_in_order() {
    let node = Node::start();
    let mut heads = node.chain.subscribe();
    for nonce in 0..5 {
        node.send(&Wallet::new("a").call(nonce, Address::ZERO, b"x"))
            .await
            .unwrap();
    }
    for number in 1..=5 {
        let head = heads.recv().await.unwrap();
        assert_eq!(head.number, number);
        assert_eq!(head.header.beneficiary, key().address());
        assert_eq!(
            head.header.extra_data,
            Bytes::from_static(&[1, 0, 0, 0, 0, 0, 0, 0, 0])
        );
        assert_eq!(head.header.hash_slow(), head.hash);
        let certificate = head.certificate.unwrap();
        certificate
            .verify(&genesis(), node.chain.genesis_hash(), number, head.hash)
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transaction_is_included_without_logs() {
    let node = Node::start();
    let counter = node.deploy_counter().await;
    let receipt = node
        .send(&Wallet::new("a").call(0, counter, b"\xffno"))
        .await
        .unwrap();
    assert!(!receipt.inner.status());
    assert!(receipt.inner.logs().is_empty());
    assert_eq!(
        node.chain
            .logs(receipt.block_number.unwrap())
            .unwrap()
            .len(),
        0
    );
    let count = node.chain.view(counter, Bytes::new()).unwrap();
    assert_eq!(U256::from_be_slice(&count), U256::ZERO);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spend_that_fails_in_the_block_is_named_and_strands_nothing() {
    let node = Node::start();
    let rich = Wallet::new("rich");
    let to = TxKind::Call(Address::repeat_byte(6));
    let pay = |nonce, value: u64| {
        rich.sign(TxEip1559 {
            value: U256::from(value),
            ..rich.tx(nonce, to, Bytes::new())
        })
    };
    // Each is affordable when it is admitted, the two together are not.
    let chain = node.chain.clone();
    let second = pay(1, 600_000);
    let second =
        tokio::spawn(async move { chain.send_sync(&second, Ingress::Listener, WAIT).await });
    let chain = node.chain.clone();
    let third = pay(2, 1);
    let third = tokio::spawn(async move { chain.send_sync(&third, Ingress::Listener, WAIT).await });
    while node.chain.pending_count() < 2 {
        tokio::task::yield_now().await;
    }
    node.send(&pay(0, 600_000)).await.unwrap();
    let refused = second.await.unwrap().unwrap_err();
    assert!(
        matches!(refused, ChainError::Tx(TxError::InsufficientFunds)),
        "{refused}"
    );
    assert_eq!(node.chain.pending_nonce(rich.address), 1);
    assert!(!third.is_finished());
    node.send(&pay(1, 5)).await.unwrap();
    assert!(third.await.unwrap().unwrap().inner.status());
    assert_eq!(node.chain.pending_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_fill_up_to_their_gas_and_the_rest_comes_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.genesis.block_gas = 30_000_000;
    let forever = Address::repeat_byte(0x77);
    let endless = carechain_chain::GenesisAccount {
        code: Bytes::from_static(&[0x5b, 0x60, 0x00, 0x56]),
        ..Default::default()
    };
    config.genesis.alloc.insert(forever, endless);
    let chain = Chain::open(config).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for sender in 0..7 {
        let wallet = Wallet::new(&format!("burner {sender}"));
        let tx = TxEip1559 {
            gas_limit: 10_000_000,
            ..wallet.tx(0, TxKind::Call(forever), Bytes::new())
        };
        let (raw, chain) = (wallet.sign(tx), chain.clone());
        tasks.spawn(async move {
            chain
                .send_sync(&raw, Ingress::Listener, WAIT)
                .await
                .unwrap()
        });
    }
    for receipt in tasks.join_all().await {
        assert!(!receipt.inner.status(), "it runs out of gas");
        assert_eq!(receipt.gas_used, 10_000_000);
    }
    let mut included = 0;
    for number in 1..=chain.head().number {
        let (block, _) = chain.block(number).unwrap();
        assert!(block.header.gas_used <= 30_000_000);
        included += block.body.transactions.len();
    }
    assert_eq!(included, 7);
    assert!(chain.head().number >= 3);
}
