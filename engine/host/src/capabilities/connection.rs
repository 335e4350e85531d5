//! `gangway:plugin/connection`: byte streams of [`gangway_egress`], as resources of the guest.

use crate::bindings::v0_1::gangway::plugin::connection::{Address, Host, HostStream};
use crate::bindings::v0_1::gangway::plugin::types::PluginError as Refusal;
use crate::guest::GuestState;
use crate::scope::Capability;
use gangway_model::{PluginError, code};
use wasmtime::component::Resource;

/// An open stream; the connection closes when the guest drops it or its instance ends.
#[derive(Debug)]
#[allow(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenStream(gangway_egress::Stream);

impl Host for GuestState {
    async fn connect(&mut self, address: Address) -> Result<Resource<OpenStream>, Refusal> {
        let (_, egress) = self.scope.network(Capability::Connection)?;
        let address = gangway_egress::Address {
            host: address.host,
            port: address.port,
            security: address.security,
            timeout_ms: address.timeout_ms,
        };
        let stream = {
            let _wait = self.meter.wait();
            egress.connect(address).await?
        };
        self.table.push(OpenStream(stream)).map_err(|_| {
            PluginError::new(code::UNAVAILABLE, "the plugin holds too many resources; it must drop some")
                .into()
        })
    }

    async fn secret_length(&mut self, property: String) -> Option<u32> {
        let (_, egress) = self.scope.network(Capability::Connection).ok()?;
        egress.secret_length(&property)
    }
}

impl HostStream for GuestState {
    async fn read(&mut self, stream: Resource<OpenStream>, max: u32) -> Result<Vec<u8>, Refusal> {
        let stream = self.table.get_mut(&stream).map_err(gone)?;
        let _wait = self.meter.wait();
        Ok(stream.0.read(max).await?)
    }

    async fn write(&mut self, stream: Resource<OpenStream>, bytes: Vec<u8>) -> Result<(), Refusal> {
        let stream = self.table.get_mut(&stream).map_err(gone)?;
        let _wait = self.meter.wait();
        Ok(stream.0.write(&bytes).await?)
    }

    async fn write_secret(
        &mut self,
        stream: Resource<OpenStream>,
        before: Vec<u8>,
        property: String,
        after: Vec<u8>,
    ) -> Result<(), Refusal> {
        let stream = self.table.get_mut(&stream).map_err(gone)?;
        let _wait = self.meter.wait();
        Ok(stream.0.write_secret(&before, &property, &after).await?)
    }

    async fn start_tls(&mut self, stream: Resource<OpenStream>) -> Result<(), Refusal> {
        let stream = self.table.get_mut(&stream).map_err(gone)?;
        let _wait = self.meter.wait();
        Ok(stream.0.start_tls().await?)
    }

    async fn drop(&mut self, stream: Resource<OpenStream>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        Ok(())
    }
}

fn gone(_: wasmtime::component::ResourceTableError) -> Refusal {
    PluginError::new(code::INTERNAL, "there is no such stream").into()
}
