//! Who the other end must be: of this authority, valid now, for this side of a connection, and with that one name.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::Identity;

/// The peer has another name.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is {}'s, not {expected}'s", .names.join(" and "))]
struct AnotherName {
    expected: String,
    names: Vec<String>,
}

/// Who the other end must be.
#[derive(Debug)]
pub(crate) struct Peer {
    name: String,
    authority: TrustAnchor<'static>,
    usage: KeyUsage,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Peer {
    /// One that listens.
    pub(crate) fn server(name: String, identity: &Identity) -> Result<Self, Error> {
        Self::new(name, identity, KeyUsage::server_auth())
    }

    /// One that connects.
    pub(crate) fn client(name: String, identity: &Identity) -> Result<Self, Error> {
        Self::new(name, identity, KeyUsage::client_auth())
    }

    fn new(name: String, identity: &Identity, usage: KeyUsage) -> Result<Self, Error> {
        let authority = anchor_from_trusted_cert(identity.authority()).map_err(refusal)?.to_owned();
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        Ok(Self { name, authority, usage, algorithms })
    }

    fn check(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        let leaf = EndEntityCert::try_from(certificate).map_err(refusal)?;
        let authorities = std::slice::from_ref(&self.authority);
        // The authority signs by itself: nobody stands between.
        leaf.verify_for_usage(self.algorithms.all, authorities, &[], now, self.usage, None, None)
            .map_err(refusal)?;
        let names: Vec<&str> = leaf.valid_uri_names().chain(leaf.valid_dns_names()).collect();
        if names == [self.name.as_str()] {
            return Ok(());
        }
        let names = names.into_iter().map(str::to_owned).collect();
        let error = AnotherName { expected: self.name.clone(), names };
        Err(Error::InvalidCertificate(CertificateError::Other(OtherError(std::sync::Arc::new(error)))))
    }

    fn check_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }
}

/// TLS 1.2 is never agreed on.
fn old_version() -> Error {
    Error::PeerIncompatible(PeerIncompatible::Tls13RequiredForQuic)
}

fn refusal(error: webpki::Error) -> Error {
    Error::InvalidCertificate(match error {
        webpki::Error::BadDer | webpki::Error::BadDerTime | webpki::Error::TrailingData(_) => {
            CertificateError::BadEncoding
        }
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        // Another authority of the same name.
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(OtherError(std::sync::Arc::new(other))),
    })
}

impl ServerCertVerifier for Peer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(old_version())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Peer {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(old_version())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
