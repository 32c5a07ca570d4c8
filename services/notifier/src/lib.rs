//! paramedic-notifier
