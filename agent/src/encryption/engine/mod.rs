//! x
mod checksum;
mod coalesce;
mod packet;
#[cfg(test)]
mod sample;
mod segment;
mod virtio;
