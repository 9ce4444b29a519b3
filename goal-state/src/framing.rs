//! Messages as bytes: a 32-bit big-endian length, then that many bytes of JSON.

use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec};

/// The longest frame that is sent or accepted, in bytes. A goal state of a thousand NICs with a thousand rules each fits.
pub const MAX_FRAME: usize = 256 << 20;

/// Why a frame was not understood.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream broke, or the frame is longer than [`MAX_FRAME`].
    #[error("reading or writing a frame")]
    Io(#[from] std::io::Error),
    /// The frame is not the message that was expected.
    #[error("a frame is not a message of this protocol")]
    Json(#[from] serde_json::Error),
}

/// Encodes `Out` and decodes `In`.
#[derive(Debug)]
pub struct JsonCodec<In, Out> {
    frames: LengthDelimitedCodec,
    messages: PhantomData<fn(Out) -> In>,
}

impl<In, Out> Default for JsonCodec<In, Out> {
    fn default() -> Self {
        let frames = LengthDelimitedCodec::builder().max_frame_length(MAX_FRAME).new_codec();
        Self { frames, messages: PhantomData }
    }
}

impl<In: DeserializeOwned, Out> Decoder for JsonCodec<In, Out> {
    type Item = In;
    type Error = FrameError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<In>, FrameError> {
        let frame = self.frames.decode(bytes)?;
        frame.map(|frame| serde_json::from_slice(&frame)).transpose().map_err(FrameError::from)
    }
}

impl<In, Out: Serialize> Encoder<Out> for JsonCodec<In, Out> {
    type Error = FrameError;

    fn encode(&mut self, message: Out, bytes: &mut BytesMut) -> Result<(), FrameError> {
        Ok(self.frames.encode(Bytes::from(serde_json::to_vec(&message)?), bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{RequestId, ToAgent};

    #[test]
    fn messages_survive_the_wire_in_pieces() {
        let mut codec = JsonCodec::<ToAgent, ToAgent>::default();
        let mut wire = BytesMut::new();
        let messages = [ToAgent::Hello { protocol_version: 1 }, ToAgent::Status { id: RequestId(7) }];
        for message in messages.clone() {
            codec.encode(message, &mut wire).unwrap();
        }
        let mut received = Vec::new();
        let mut buffer = BytesMut::new();
        for byte in wire {
            buffer.extend_from_slice(&[byte]);
            received.extend(codec.decode(&mut buffer).unwrap());
        }
        assert_eq!(received, messages);
    }

    #[test]
    fn nonsense_is_an_error_and_not_a_panic() {
        let mut codec = JsonCodec::<ToAgent, ToAgent>::default();
        let mut not_json = BytesMut::from(&b"\x00\x00\x00\x02{]"[..]);
        assert!(matches!(codec.decode(&mut not_json), Err(FrameError::Json(_))));
        let mut too_long = BytesMut::from(&b"\xff\xff\xff\xff"[..]);
        assert!(matches!(codec.decode(&mut too_long), Err(FrameError::Io(_))));
    }

    /// These bytes are the contract: a controller and an agent of different builds meet here.
    #[test]
    fn the_first_frame_is_written_like_this() {
        let mut wire = BytesMut::new();
        JsonCodec::<ToAgent, ToAgent>::default()
            .encode(ToAgent::Hello { protocol_version: 1 }, &mut wire)
            .unwrap();
        assert_eq!(&wire[..], b"\x00\x00\x00\x1f{\"hello\":{\"protocolVersion\":1}}");
    }
}
