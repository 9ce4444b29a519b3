use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose as Usage, IsCa, Issuer, KeyPair, SanType,
};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use zeroize::Zeroizing;

use super::*;

const HOST: &str = "vnetlab://host/host1";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An authority as a lab has one.
pub(crate) struct TestAuthority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl TestAuthority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// An end that is as it should be.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        self.changed(name, |_| ())
    }

    /// The same with one change.
    fn changed(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(name.try_into().unwrap())];
        params.extended_key_usages = vec![Usage::ClientAuth, Usage::ServerAuth];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = Zeroizing::new(key.serialize_der());
        Identity::new(certificate.into(), key, self.certificate.der().clone())
    }
}

/// What becomes of a word that each end sends the other: an error of the controller, or of the agent.
async fn talk(controller: &Identity, agent: &Identity) -> Result<(), String> {
    let host = "host1".parse().unwrap();
    let connector = TlsConnector::from(Arc::new(to_agent_of(&host, controller).unwrap()));
    let acceptor = TlsAcceptor::from(Arc::new(to_controller(agent).unwrap()));
    let (ours, theirs) = tokio::io::duplex(1 << 14);
    let agent = tokio::spawn(async move {
        let mut stream = acceptor.accept(theirs).await.map_err(|error| format!("agent: {error}"))?;
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.map_err(|error| format!("agent: {error}"))?;
        stream.write_all(&word).await.map_err(|error| format!("agent: {error}"))?;
        Ok(())
    });
    let controller = async {
        let name = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
        let mut stream = connector.connect(name, ours).await?;
        stream.write_all(b"hello").await?;
        let mut word = [0; 5];
        stream.read_exact(&mut word).await.map(|_| ())
    };
    let controller: Result<(), std::io::Error> = controller.await;
    // Who refuses says why; the other one only hears that it was refused.
    let heard = |error: &std::io::Error| error.to_string().contains("alert");
    match (controller, agent.await.unwrap()) {
        (Ok(()), agent) => agent,
        (Err(error), _) if !heard(&error) => Err(format!("controller: {error}")),
        (Err(_), agent) => agent,
    }
}

#[tokio::test]
async fn both_ends_of_one_lab_talk() {
    let authority = TestAuthority::new();
    talk(&authority.identity(link::CONTROLLER), &authority.identity(HOST)).await.unwrap();
}

/// What one end is refused for by the other.
#[tokio::test]
async fn whoever_is_not_what_it_must_be_is_refused_by_either_side() {
    let (authority, foreign) = (TestAuthority::new(), TestAuthority::new());
    let identity = |issuer: &TestAuthority, name: &str, change: fn(&mut CertificateParams)| {
        // It knows whom the other end believes; what it shows is another matter.
        let shown = issuer.changed(name, change);
        Identity::new(shown.certificate(), shown.secret(), authority.certificate.der().clone())
    };
    fn as_it_is(_: &mut CertificateParams) {}
    fn expired(params: &mut CertificateParams) {
        params.not_after = (SystemTime::now() - DAY).into();
    }
    fn too_early(params: &mut CertificateParams) {
        params.not_before = (SystemTime::now() + DAY).into();
    }
    fn without_usage(params: &mut CertificateParams) {
        params.extended_key_usages = vec![Usage::EmailProtection];
    }
    fn of_two(params: &mut CertificateParams) {
        params.subject_alt_names.push(SanType::URI("vnetlab://host/host9".try_into().unwrap()));
    }
    type Change = fn(&mut CertificateParams);
    let cases: [(&TestAuthority, Option<&str>, Change, &str); 6] = [
        (&foreign, None, as_it_is, "BadSignature"),
        (&authority, None, expired, "xpired"),
        (&authority, None, too_early, "not valid yet|NotValidYet"),
        (&authority, None, without_usage, "RequiredEku"),
        (&authority, None, of_two, "host9"),
        (&authority, Some("vnetlab://nic/web1/nic0"), as_it_is, "vnetlab://nic/web1/nic0"),
    ];
    let good = |name| authority.identity(name);
    for (issuer, name, change, why) in cases {
        let named = |error: &str| why.split('|').any(|word| error.contains(word));
        let agent = identity(issuer, name.unwrap_or(HOST), change);
        let error = talk(&good(link::CONTROLLER), &agent).await.unwrap_err();
        assert!(error.starts_with("controller: ") && named(&error), "{why}: {error}");
        let controller = identity(issuer, name.unwrap_or(link::CONTROLLER), change);
        let error = talk(&controller, &good(HOST)).await.unwrap_err();
        assert!(error.starts_with("agent: ") && named(&error), "{why}: {error}");
    }
}

/// The agent of one host is not that of another, and none is a controller.
#[tokio::test]
async fn one_host_is_not_another_and_no_controller() {
    let authority = TestAuthority::new();
    let other = authority.identity("vnetlab://host/host2");
    let error = talk(&authority.identity(link::CONTROLLER), &other).await.unwrap_err();
    assert!(error.starts_with("controller: ") && error.contains("vnetlab://host/host2"), "{error}");
    let error = talk(&authority.identity(HOST), &authority.identity(HOST)).await.unwrap_err();
    assert!(error.starts_with("agent: ") && error.contains(HOST), "{error}");
}

/// Whoever connects without a certificate hears nothing.
#[tokio::test]
async fn nobody_is_refused() {
    let authority = TestAuthority::new();
    let acceptor = TlsAcceptor::from(Arc::new(to_controller(&authority.identity(HOST)).unwrap()));
    let controller = authority.identity(link::CONTROLLER);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let peer = Peer::server(HOST.to_owned(), &controller).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(peer))
        .with_no_client_auth();
    let (ours, theirs) = tokio::io::duplex(1 << 14);
    let agent = tokio::spawn(async move { acceptor.accept(theirs).await.map(|_| ()) });
    let name = ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
    let stream = TlsConnector::from(Arc::new(config)).connect(name, ours).await;
    assert!(agent.await.unwrap().is_err());
    if let Ok(mut stream) = stream {
        assert!(stream.read_exact(&mut [0]).await.is_err());
    }
}
