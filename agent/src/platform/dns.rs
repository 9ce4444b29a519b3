//! Azure DNS at 168.63.129.16: hickory-server reads questions and writes answers, [`super::names`] knows what to say.
//!
//! Every port has a server of its own, so who asks is known before the question is read.
//! <https://learn.microsoft.com/azure/virtual-network/virtual-networks-name-resolution-for-vms-and-role-instances>

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use goal_state::platform::{Record, RecordData};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::proto::op::{Edns, Header, HeaderCounts, Metadata, OpCode, ResponseCode};
use hickory_server::proto::rr::rdata::{A, CNAME, PTR, SOA};
use hickory_server::proto::rr::{self, DNSClass, Name, RData, RecordType};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use super::asker::Asker;
use super::names::{Answer, Kind, Missing};
use super::throttle::Turn;

/// How long an answer may be remembered, in seconds: Azure's choice for names that it registers.
const TIME_TO_LIVE: u32 = 10;
/// How long a client of TCP may say nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// Answers that wait for a slow client of TCP.
const BACKLOG: usize = 64;
/// The longest answer by UDP to clients that take more than 512 bytes (RFC 9715).
const LONGEST_DATAGRAM: u16 = 1232;
/// Who answers for private zones.
const PRIMARY: &str = "azureprivatedns.net.";
const MAILBOX: &str = "azureprivatedns-host.microsoft.com.";

/// Answers what comes in by these sockets, until it is dropped.
pub(super) fn serve(asker: Arc<Asker>, datagrams: UdpSocket, connections: TcpListener) -> impl Send {
    let mut server = Server::new(AzureDns { asker });
    server.register_socket(datagrams);
    server.register_listener(connections, PATIENCE, BACKLOG);
    server
}

struct AzureDns {
    asker: Arc<Asker>,
}

#[async_trait]
impl RequestHandler for AzureDns {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut response_handle: R,
    ) -> ResponseInfo {
        match self.asker.turn() {
            Turn::Now => {}
            Turn::After(wait) => tokio::time::sleep(wait).await,
            Turn::Never => return unanswered(request),
        }
        let said = self.say(request);
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.recursion_available = true;
        metadata.response_code = said.code;
        let mut edns = Edns::new();
        edns.set_max_payload(LONGEST_DATAGRAM);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if request.edns.is_some() {
            builder.edns(&edns);
        }
        let response = builder.build(metadata, &said.answers, [], &said.authority, []);
        match response_handle.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "a DNS answer could not be sent");
                unanswered(request)
            }
        }
    }
}

/// What is answered.
struct Said {
    code: ResponseCode,
    answers: Vec<rr::Record>,
    authority: Vec<rr::Record>,
}

impl AzureDns {
    fn say(&self, request: &Request) -> Said {
        let refused = |code| Said { code, answers: Vec::new(), authority: Vec::new() };
        if request.metadata.op_code != OpCode::Query {
            return refused(ResponseCode::NotImp);
        }
        let Ok(info) = request.request_info() else { return refused(ResponseCode::FormErr) };
        if info.query.query_class() != DNSClass::IN {
            return refused(ResponseCode::NotImp);
        }
        let name = info.query.name().to_string();
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let Answer { records, missing, zone } = self.asker.resolve(&name, kind(info.query.query_type()));
        let authority = missing.and_then(|_| start_of_authority(zone.as_ref().map_or("", |zone| &zone.name)));
        Said {
            code: if missing == Some(Missing::Name) { ResponseCode::NXDomain } else { ResponseCode::NoError },
            answers: records.iter().filter_map(encode).collect(),
            authority: authority.into_iter().collect(),
        }
    }
}

fn kind(asked: RecordType) -> Kind {
    match asked {
        RecordType::A => Kind::Address,
        RecordType::CNAME => Kind::Alias,
        RecordType::PTR => Kind::Pointer,
        RecordType::ANY => Kind::Any,
        _ => Kind::Other,
    }
}

/// None for a name that no DNS message can hold.
fn encode(record: &Record) -> Option<rr::Record> {
    let data = match &record.data {
        RecordData::Address(address) => RData::A(A(*address)),
        RecordData::Alias(target) => RData::CNAME(CNAME(absolute(target)?)),
        RecordData::Pointer(target) => RData::PTR(PTR(absolute(target)?)),
    };
    Some(rr::Record::from_rdata(absolute(&record.name)?, TIME_TO_LIVE, data))
}

/// Goes with every answer that something is missing, so that it is remembered for a short while only (RFC 2308).
fn start_of_authority(zone: &str) -> Option<rr::Record> {
    let (primary, mailbox) = (Name::from_ascii(PRIMARY).ok()?, Name::from_ascii(MAILBOX).ok()?);
    let data = RData::SOA(SOA::new(primary, mailbox, 1, 3600, 300, 2_419_200, TIME_TO_LIVE));
    Some(rr::Record::from_rdata(absolute(zone)?, TIME_TO_LIVE, data))
}

fn absolute(name: &str) -> Option<Name> {
    Name::from_ascii(format!("{name}.")).ok()
}

/// What hickory-server is told of a question without an answer.
fn unanswered(request: &Request) -> ResponseInfo {
    let metadata = Metadata::response_from_request(&request.metadata);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
