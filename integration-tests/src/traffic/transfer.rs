//! A TCP transfer between two VMs that lasts until it is stopped, every byte of it checked.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crate::lab::Lab;
use crate::wait;

/// Where it is listened for.
const PORT: &str = "5201";
/// Every block begins with its number.
const BLOCK: usize = 4096;
/// How many blocks are written at a time.
const BLOCKS: usize = 16;

/// A transfer from one VM to another by `nc`.
#[derive(Debug)]
pub struct Transfer {
    client: Child,
    server: Child,
    stop: Arc<AtomicBool>,
    received: Arc<AtomicU64>,
    writer: Option<JoinHandle<u64>>,
    reader: Option<JoinHandle<()>>,
}

impl Transfer {
    /// Connects `from` to `to`, whose address is `address`, and waits for the first bytes.
    ///
    /// # Panics
    /// When none arrive.
    #[must_use]
    pub fn start(lab: &Lab, from: &str, to: &str, address: &str) -> Self {
        let mut listen = lab.exec_command(to, &["nc", "-l", PORT]);
        let mut server = listen.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        wait::until("nc to listen", || {
            lab.exec(to, &["ss", "-Hltn"]).ok().contains(&format!(":{PORT} ")).then_some(())
        });
        let mut connect = lab.bench().command(&["exec", from, "-i", "--", "nc", "-N", address, PORT]);
        let mut client = connect.stdin(Stdio::piped()).spawn().unwrap();
        let (stop, received) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (input, output) = (client.stdin.take().unwrap(), server.stdout.take().unwrap());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&received));
        let writer = std::thread::spawn(move || write(input, &stopped));
        let reader = std::thread::spawn(move || read(output, &counted));
        let transfer = Self { client, server, stop, received, writer: Some(writer), reader: Some(reader) };
        transfer.await_progress();
        transfer
    }

    /// Waits until a megabyte more than now has arrived.
    ///
    /// # Panics
    /// When it does not.
    pub fn await_progress(&self) {
        let before = self.received.load(Ordering::Acquire);
        wait::until("bytes of a transfer", || {
            (self.received.load(Ordering::Acquire) > before + (1 << 20)).then_some(())
        });
    }

    /// Ends it and waits until everything has arrived.
    ///
    /// # Panics
    /// When something has not: the connection was reset, or a byte is another one.
    pub fn finish(mut self) {
        self.stop.store(true, Ordering::Release);
        let sent = self.writer.take().unwrap().join().expect("the sender's side stays open");
        self.reader.take().unwrap().join().expect("what arrives is what was sent");
        assert_eq!(self.received.load(Ordering::Acquire), sent, "bytes that arrived of those that were sent");
        for child in [&mut self.client, &mut self.server] {
            assert!(child.wait().unwrap().success(), "nc ends well");
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        use nix::sys::signal::{Signal, kill};
        self.stop.store(true, Ordering::Release);
        for child in [&mut self.client, &mut self.server] {
            if child.try_wait().ok().flatten().is_none() {
                let _ = kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
                let _ = child.wait();
            }
        }
    }
}

/// How many bytes were written. The pipe closes behind them, and with `-N` the connection.
fn write(mut input: ChildStdin, stop: &AtomicBool) -> u64 {
    let mut buffer = vec![0_u8; BLOCK * BLOCKS];
    let mut number = 0_u64;
    while !stop.load(Ordering::Acquire) {
        for block in buffer.chunks_mut(BLOCK) {
            block[..8].copy_from_slice(&number.to_be_bytes());
            number += 1;
        }
        input.write_all(&buffer).expect("the connection is open");
    }
    number * BLOCK as u64
}

fn read(mut output: impl Read, received: &AtomicU64) {
    let mut block = vec![0_u8; BLOCK];
    for number in 0_u64.. {
        if output.read_exact(&mut block).is_err() {
            break;
        }
        assert_eq!(block[..8], number.to_be_bytes(), "blocks arrive in order");
        received.fetch_add(BLOCK as u64, Ordering::Release);
    }
}
