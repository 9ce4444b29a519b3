//! Records on their way out: equal-sized ones of one channel, sealed one behind the other, and sent by one call.

use std::sync::Arc;

use linux_net::udp::{MOST_BYTES, MOST_SEGMENTS};

use super::channel::Channel;

/// The buffer.
#[derive(Debug)]
pub(crate) struct SendBuffer {
    bytes: Box<[u8]>,
    /// Whose records these are.
    channel: Option<Arc<Channel>>,
    /// Bytes in it.
    length: usize,
    /// Bytes of each record but the last.
    record: usize,
    count: usize,
    /// Most records that are sent at once.
    most: usize,
}

impl SendBuffer {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let bytes = vec![0; MOST_BYTES].into_boxed_slice();
        Self { bytes, channel: None, length: 0, record: 0, count: 0, most: MOST_SEGMENTS }
    }

    /// From now on sends each record by itself, or as many as go together.
    pub(crate) fn set_honest(&mut self, honest: bool) {
        self.most = if honest { 1 } else { MOST_SEGMENTS };
    }

    /// Room for a record of `length` bytes of `channel`; what does not go together with it is sent before.
    pub(crate) fn room(&mut self, channel: &Arc<Channel>, length: usize) -> &mut [u8] {
        let same = self.channel.as_ref().is_some_and(|mine| Arc::ptr_eq(mine, channel));
        // A shorter record is the last one.
        let ended = self.length != self.count * self.record;
        if !same
            || ended
            || self.count == 0
            || length > self.record
            || self.count >= self.most
            || self.length + length > MOST_BYTES
        {
            self.flush();
            self.record = length;
        }
        if !same {
            self.channel = Some(Arc::clone(channel));
        }
        let start = self.length;
        self.length += length;
        self.count += 1;
        &mut self.bytes[start..self.length]
    }

    /// Gives the last room of `length` bytes back.
    pub(crate) fn give_back(&mut self, length: usize) {
        self.length -= length;
        self.count -= 1;
    }

    /// Sends what is there.
    pub(crate) fn flush(&mut self) {
        if let (Some(channel), 1..) = (&self.channel, self.count) {
            channel.send_records(&self.bytes[..self.length], self.record);
        }
        self.length = 0;
        self.count = 0;
    }

    /// Sends what is there, and forgets whose it was.
    pub(crate) fn release(&mut self) {
        self.flush();
        self.channel = None;
    }
}
