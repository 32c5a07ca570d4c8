//! Bodies of the kind alertmanager.

#![no_main]

use paramedic_gateway_fuzz as entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    entry::read(&paramedic_gateway::core::format::Format::Alertmanager, data);
});
