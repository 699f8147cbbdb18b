//! Handler of the buyer page.
//!
//! It is one file, the same for every sale, and lies in the JavaScript of the worker (`page.js`):
//! to show it costs no copy through Wasm. Only what is said of the sale in its head crosses.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{Request, Response};

#[wasm_bindgen(module = "/src/handlers/page.js")]
extern "C" {
    /// `GET /s/{sale}`; see `shared::edge::page_view::ShownPage`.
    #[wasm_bindgen(catch)]
    pub(crate) fn show(
        request: &Request,
        head: Option<&str>,
        mark: &str,
        picture: Option<&str>,
    ) -> Result<Response, JsValue>;

    /// A page for people where there is no sale, or nothing at all.
    #[wasm_bindgen(catch, js_name = showNothing)]
    pub(crate) fn show_nothing(status: u16, is_of_sale: bool) -> Result<Response, JsValue>;
}
