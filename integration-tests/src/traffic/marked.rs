//! Traffic that can be told on the wire when it is in clear: every packet with a payload has the same words in it, again and
//! again.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use super::End;

/// The words: as many bytes as `ping -p` takes.
pub const MARKER: [u8; 16] = *b"vnetlab:in-clear";
const HTTP: u16 = 8080;
const BULK: u16 = 8081;
/// How much is transferred, there and back.
const AMOUNT: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// The options of a ping that is full of the words.
#[must_use]
pub fn ping_options() -> [String; 4] {
    let hexadecimal = MARKER.iter().map(|byte| format!("{byte:02x}")).collect();
    ["-s".to_owned(), "200".to_owned(), "-p".to_owned(), hexadecimal]
}

/// A ping, an HTTP request and its answer, and a transfer both ways.
///
/// # Panics
/// When something does not arrive.
pub fn exchange(from: End<'_>, to: End<'_>) {
    let address = to.address.to_string();
    let options = ping_options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let ping = [&["ping", "-c", "5", "-i", "0.05", "-W", "5"], &options[..], &[&address]].concat();
    let _ = from.lab.exec(from.vm, &ping).ok();
    http(from, to);
    bulk(from, to);
}

/// Gets a page of which both the name and the text are the words.
fn http(from: End<'_>, to: End<'_>) {
    let page = MARKER.repeat(1 << 10);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
    let answer = [head.as_bytes(), &page].concat();
    let (mut client, mut server) = connection(from, to, HTTP);
    let served = std::thread::spawn(move || {
        let mut request = Vec::new();
        let mut byte = [0];
        while !request.ends_with(b"\r\n\r\n") {
            server.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        server.write_all(&answer).unwrap();
    });
    let name = String::from_utf8_lossy(&MARKER).into_owned();
    client.write_all(format!("GET /{name} HTTP/1.1\r\nHost: server\r\n\r\n").as_bytes()).unwrap();
    let mut got = Vec::new();
    client.read_to_end(&mut got).unwrap();
    served.join().unwrap();
    assert!(got.ends_with(&page), "the page has arrived");
}

fn bulk(from: End<'_>, to: End<'_>) {
    let data = MARKER.repeat(AMOUNT / MARKER.len());
    let (client, server) = connection(from, to, BULK);
    let ends = [(client, data.clone()), (server, data.clone())].map(|(mut stream, data)| {
        let mut reader = stream.try_clone().unwrap();
        let writer = std::thread::spawn(move || stream.write_all(&data).unwrap());
        let read = std::thread::spawn(move || {
            let mut got = vec![0; AMOUNT];
            reader.read_exact(&mut got).unwrap();
            got
        });
        (writer, read)
    });
    for (writer, read) in ends {
        writer.join().unwrap();
        assert!(read.join().unwrap() == data, "what arrives is what was sent");
    }
}

/// Both ends of a connection.
fn connection(from: End<'_>, to: End<'_>, port: u16) -> (TcpStream, TcpStream) {
    let destination = to.address;
    let listener = to.inside(move || TcpListener::bind((destination, port)).unwrap());
    let client =
        from.inside(move || TcpStream::connect_timeout(&(destination, port).into(), PATIENCE).unwrap());
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
    }
    (client, server)
}
