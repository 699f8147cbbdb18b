//! Handler of `GET /openapi.json`: serves the document of the API from the JavaScript of the
//! worker.
//!
//! Like the page it lies in the JavaScript of the worker.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response;

#[wasm_bindgen(module = "/src/handlers/openapi_document.js")]
extern "C" {
    /// `GET /openapi.json`
    #[wasm_bindgen(catch)]
    pub(crate) fn show() -> Result<Response, JsValue>;
}
