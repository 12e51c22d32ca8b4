//! A TCP pass-through before a node, which kills the node once a given number of bytes has gone up to it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use carechain_testkit::NodeProcess;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Bytes taken at once.
const PIECE_BYTES: usize = 4_096;

/// What is behind it, and how many bytes that may still take.
struct Behind {
    node: Option<NodeProcess>,
    target: Option<SocketAddr>,
    bytes_left: u64,
}

/// A pass-through on a port of its own.
#[derive(Clone)]
pub(super) struct Passthrough {
    port: u16,
    behind: Arc<Mutex<Behind>>,
}

impl Passthrough {
    /// Listens, with nothing behind it yet.
    pub(super) async fn listen() -> Passthrough {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let behind = Arc::new(Mutex::new(Behind {
            node: None,
            target: None,
            bytes_left: u64::MAX,
        }));
        let this = Passthrough { port, behind };
        tokio::spawn(this.clone().serve(listener));
        this
    }

    /// The origin that people see.
    pub(super) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// Where it listens.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Puts a node behind it, to be killed after `bytes` more bytes.
    pub(super) fn put(&self, node: NodeProcess, listen: SocketAddr, bytes: u64) {
        let mut behind = self.behind.lock().unwrap();
        *behind = Behind {
            node: Some(node),
            target: Some(listen),
            bytes_left: bytes,
        };
    }

    /// Sets how many more bytes the node may take.
    pub(super) fn kill_after(&self, bytes: u64) {
        self.behind.lock().unwrap().bytes_left = bytes;
    }

    /// How many bytes have gone up since the node was put behind it without a limit.
    pub(super) fn passed(&self) -> u64 {
        u64::MAX - self.behind.lock().unwrap().bytes_left
    }

    /// Whether the node behind it was killed.
    pub(super) fn has_killed(&self) -> bool {
        self.behind.lock().unwrap().node.is_none()
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((client, _)) = listener.accept().await {
            let target = self.behind.lock().unwrap().target;
            let this = self.clone();
            tokio::spawn(async move {
                // A node that is gone refuses; the client sees a closed connection.
                if let Ok(node) = TcpStream::connect(target.unwrap()).await {
                    this.carry(client, node).await;
                }
            });
        }
    }

    async fn carry(self, client: TcpStream, node: TcpStream) {
        for socket in [&client, &node] {
            socket.set_nodelay(true).unwrap();
        }
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_node, mut to_node) = node.into_split();
        let down = async move {
            tokio::io::copy(&mut from_node, &mut to_client)
                .await
                .is_ok()
        };
        let up = async move {
            let mut piece = vec![0; PIECE_BYTES];
            while let Ok(taken @ 1..) = from_client.read(&mut piece).await {
                let (pass, kill) = self.count(taken as u64);
                let sent = to_node.write_all(&piece[..pass as usize]).await;
                if let Some(mut node) = kill {
                    node.kill();
                }
                if sent.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            _ = down => {}
            () = up => {}
        }
    }

    /// How many of `taken` bytes still pass, and the node to be killed after them.
    fn count(&self, taken: u64) -> (u64, Option<NodeProcess>) {
        let mut behind = self.behind.lock().unwrap();
        if taken < behind.bytes_left {
            behind.bytes_left -= taken;
            return (taken, None);
        }
        let pass = behind.bytes_left;
        behind.bytes_left = 0;
        (pass, behind.node.take())
    }
}
