//! Bodies of the kind grafana.

#![no_main]

#[path = "../entry.rs"]
#[allow(dead_code, reason = "each target uses a part of it")]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    entry::read(&paramedic_gateway::core::format::Format::Grafana, data);
});
