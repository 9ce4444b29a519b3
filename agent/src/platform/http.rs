//! As much of HTTP/1.1 (RFC 9112) as the platform's services speak: a request, an answer, the end.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The longest request that is read, in bytes.
const LONGEST: usize = 16 * 1024;
/// How long a client may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Open connections of one port.
const MOST: usize = 64;
/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(100);

/// A request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Request {
    /// GET, mostly.
    pub(super) method: String,
    /// Its target without the question.
    pub(super) path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Response {
    /// 200 if all is well.
    pub(super) status: u16,
    /// `application/json`.
    pub(super) content_type: &'static str,
    /// What is said.
    pub(super) body: String,
}

impl Request {
    /// Reads the head of a request, up to its empty line.
    fn parse(head: &str) -> Option<Self> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if !version.starts_with("HTTP/1.") || words.next().is_some() {
            return None;
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |part: &str| match part.split_once('=') {
            Some((name, value)) => (name.to_ascii_lowercase(), value.to_owned()),
            None => (part.to_ascii_lowercase(), String::new()),
        };
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.split('&').filter(|part| !part.is_empty()).map(pair).collect(),
            headers: lines.filter(|line| !line.is_empty()).map(header).collect::<Option<_>>()?,
        })
    }

    /// What stands in the question under `name`, in whatever case.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The header `name`, in whatever case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

impl Response {
    /// JSON, which is well formed already.
    pub(super) fn json(status: u16, body: String) -> Self {
        Self { status, content_type: "application/json; charset=utf-8", body }
    }

    /// Plain text.
    pub(super) fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }

    fn bytes(&self) -> Vec<u8> {
        let Self { status, content_type, body } = self;
        let reason = match status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "",
        };
        let length = body.len();
        format!(
            "HTTP/1.1 {status} {reason}\r\nServer: vnetlab\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// Answers whoever connects, until it is dropped; then it ends every connection. `answer` is told the address that was asked.
pub(super) async fn serve(
    listener: TcpListener,
    answer: impl Fn(Ipv4Addr, &Request) -> Response + Send + Sync + 'static,
) {
    let answer = Arc::new(answer);
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((connection, _)) => {
                let answer = Arc::clone(&answer);
                connections.spawn(timeout(PATIENCE, async move { converse(connection, &*answer).await }));
            }
            // Of one client, or of the whole process; in both cases there is nothing to do but to go on.
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
        while connections.try_join_next().is_some() {}
        if connections.len() >= MOST {
            connections.join_next().await;
        }
    }
}

async fn converse(
    mut connection: TcpStream,
    answer: &(impl Fn(Ipv4Addr, &Request) -> Response + Sync),
) -> io::Result<()> {
    let std::net::SocketAddr::V4(asked) = connection.local_addr()? else { return Ok(()) };
    let response = match hear(&mut connection).await? {
        Some(request) => answer(*asked.ip(), &request),
        None => Response::text(400, "Bad Request"),
    };
    connection.write_all(&response.bytes()).await?;
    connection.shutdown().await
}

/// A request with all of its body, which is thrown away. None for what is no request.
async fn hear(connection: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut heard = Vec::new();
    let end = loop {
        if let Some(end) = heard.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if heard.len() > LONGEST || connection.read_buf(&mut heard).await? == 0 {
            return Ok(None);
        }
    };
    let request = std::str::from_utf8(&heard[..end]).ok().and_then(Request::parse);
    let length = request.as_ref().and_then(|request| request.header("content-length")?.parse::<usize>().ok());
    let mut left = length.unwrap_or_default().min(LONGEST).saturating_sub(heard.len() - end);
    while left > 0 {
        heard.clear();
        left = match connection.read_buf(&mut heard).await? {
            0 => 0,
            read => left.saturating_sub(read),
        };
    }
    Ok(request)
}

#[cfg(test)]
impl Request {
    /// `GET target` with these headers.
    pub(super) fn get(target: &str, headers: &[(&str, &str)]) -> Self {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Self::parse(&format!("GET {target} HTTP/1.1\r\n{headers}\r\n")).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_taken_apart() {
        let request =
            Request::get("/metadata/instance?api-version=2021-02-01&Format=text", &[("METADATA", "true")]);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("GET", "/metadata/instance"));
        assert_eq!(request.query("api-version"), Some("2021-02-01"));
        assert_eq!(request.query("format"), Some("text"));
        assert_eq!(request.header("Metadata"), Some("true"));
        assert_eq!(request.header("x"), None);
        for wrong in ["", "GET /", "GET / HTTP/2", "GET / x HTTP/1.1", "GET / HTTP/1.1\r\nno colon\r\n"] {
            assert_eq!(Request::parse(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_heard_panics(head in "\\PC{0,64}") {
            let _ = Request::parse(&head);
        }
    }

    /// A client that sends byte by byte, one with a body, one that says nonsense.
    #[tokio::test]
    async fn clients_are_answered_and_the_connection_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let echo =
            |asked: Ipv4Addr, request: &Request| Response::text(200, format!("{asked} {}", request.path));
        let server = tokio::spawn(serve(listener, echo));
        let ask = |bytes: &'static [u8], step: usize| async move {
            let mut client = TcpStream::connect(address).await.unwrap();
            for part in bytes.chunks(step) {
                client.write_all(part).await.unwrap();
            }
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = ask(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 1).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n127.0.0.1 /a"),
            "{answer}"
        );
        let answer = ask(b"POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 100).await;
        assert!(answer.ends_with("127.0.0.1 /b"), "{answer}");
        assert!(ask(b"hello\r\n\r\n", 100).await.starts_with("HTTP/1.1 400 "));
        server.abort();
    }
}
