//! Isolate: the state of one edge in a Worker, made by its first request and kept between requests.

use crate::config::{self, ClientIp};
use crate::runtime;
use js_sys::{JSON, Object, Reflect};
use shared::edge::state::{EdgeLimits, EdgeState};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use worker::console_error;

/// One isolate.
pub(crate) struct Isolate {
    pub(crate) client_ip: ClientIp,
    edge: RefCell<EdgeState>,
}

thread_local! {
    static ISOLATE: OnceCell<Result<Rc<Isolate>, Rc<str>>> = const { OnceCell::new() };
}

/// This isolate, made from `env` by the first request.
///
/// # Errors
/// What is wrong with the configuration, in words; it is logged once.
pub(crate) fn isolate(env: &Object) -> Result<Rc<Isolate>, Rc<str>> {
    ISOLATE.with(|cell| {
        cell.get_or_init(|| match Isolate::new(env) {
            Ok(isolate) => Ok(Rc::new(isolate)),
            Err(fault) => {
                console_error!("lastseat edge: {fault}");
                Err(fault.into())
            }
        })
        .clone()
    })
}

/// Whether an isolate can work with `env`. No chance is taken here: the runtime gives none before
/// the first request.
///
/// # Errors
/// What is wrong with the configuration, in words.
pub(crate) fn check(env: &Object) -> Result<(), String> {
    config::read(|name| var(env, name)).map(drop)
}

impl Isolate {
    fn new(env: &Object) -> Result<Self, String> {
        let (config, client_ip) = config::read(|name| var(env, name))?;
        let fill = Box::new(runtime::fill_random);
        let edge = EdgeState::new(config, EdgeLimits::ISOLATE, fill);
        let edge = edge.ok_or("the runtime gives no random bytes")?;
        Ok(Self { client_ip, edge: RefCell::new(edge) })
    }

    /// Works on the state without waiting, so that no borrow can outlive an await, and writes into
    /// the log what the operator should read.
    pub(crate) fn edge<T>(&self, work: impl FnOnce(&mut EdgeState) -> T) -> T {
        let mut edge = self.edge.borrow_mut();
        let done = work(&mut edge);
        while let Some(notice) = edge.take_notice() {
            console_error!("lastseat edge: {notice}");
        }
        done
    }
}

/// A variable as text; one that wrangler was given as a table is written as JSON. Not `env.var`:
/// under bare workerd a variable that is not set is null, and `env.var` panics on null.
fn var(env: &Object, name: &str) -> Option<String> {
    let value = Reflect::get(env, &name.into()).ok()?;
    if value.is_null() || value.is_undefined() {
        return None;
    }
    let text = value.as_string();
    text.or_else(|| JSON::stringify(&value).ok().map(String::from))
}
