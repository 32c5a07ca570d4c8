//! HTML for email: tables and inline styles, since mail programs know little else. The template engine escapes everything.

use std::sync::LazyLock;

use minijinja::{Environment, value::Serde};
use serde::Serialize;

use crate::core::{
    message::{Message, Tone},
    words,
};

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates
        .add_template("message.html", include_str!("../../../templates/message.html"))
        .expect("the template is part of the program and parses");
    templates
});

#[derive(Serialize)]
struct Context<'a> {
    message: &'a Message,
    colour: &'static str,
    expires_at: String,
}

/// The message as a page.
#[must_use]
pub fn render(message: &Message) -> String {
    let colour = match message.tone {
        Tone::Info => "#0b57d0",
        Tone::Action => "#b06000",
        Tone::Good => "#1a7f37",
        Tone::Bad => "#c3291f",
    };
    let expires_at = message.blocks.iter().find_map(|block| match block {
        crate::core::message::Block::Answer { expires_at, .. } => Some(words::time(*expires_at)),
        _ => None,
    });
    let context = Context {
        message,
        colour,
        expires_at: expires_at.unwrap_or_default(),
    };
    TEMPLATES
        .get_template("message.html")
        .and_then(|template| template.render(Serde(&context)))
        .expect("the template only uses the fields it is given")
}
