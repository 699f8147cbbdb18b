//! Handler of the buyer page.
//!
//! It is one file, the same for every sale, and lies in the JavaScript of the worker (`page.js`):
//! to show it costs neither an origin nor a copy through Wasm.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{Request, Response};

#[wasm_bindgen(module = "/src/handlers/page.js")]
extern "C" {
    /// `GET /s/{sale}`
    #[wasm_bindgen(catch)]
    pub(crate) fn show(request: &Request) -> Result<Response, JsValue>;

    /// A page for people where there is no sale, or nothing at all.
    #[wasm_bindgen(catch, js_name = showNothing)]
    pub(crate) fn show_nothing(status: u16, is_of_sale: bool) -> Result<Response, JsValue>;
}
