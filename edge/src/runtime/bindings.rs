//! Bindings to the JavaScript functions in `bindings.js`.

use js_sys::{Function, Object, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::{Request, Response};

#[wasm_bindgen(module = "/src/runtime/bindings.js")]
extern "C" {
    pub(crate) fn watch() -> JsValue;
    #[wasm_bindgen(catch)]
    pub(crate) fn ask(
        watch: &JsValue,
        url: &str,
        init: &Object,
        ms: u32,
        number: u32,
        settled: &Function,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch, js_name = waitOn)]
    pub(crate) fn wait_on(
        watch: &JsValue,
        promise: &Promise,
        ms: u32,
        number: u32,
        settled: &Function,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn body(
        watch: &JsValue,
        request: &Request,
        ms: u32,
        number: u32,
        settled: &Function,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn text(
        watch: &JsValue,
        answer: &Response,
        ms: u32,
        number: u32,
        settled: &Function,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn sleep(ms: u32, number: u32, settled: &Function) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn discard(answer: &Response) -> Result<(), JsValue>;

    pub(crate) fn init(method: &str, body: &JsValue, lines: &str) -> Object;

    #[wasm_bindgen(catch)]
    pub(crate) fn refuse(
        status: u16,
        body: &str,
        retry_after: Option<u32>,
        no_store: bool,
    ) -> Result<Response, JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn respond(
        status: u16,
        body: &str,
        content_type: &str,
        retry_after: Option<u32>,
        allow: Option<&str>,
        challenge: Option<&str>,
        limited: bool,
        no_store: bool,
    ) -> Result<Response, JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn moved(status: u16, location: &str) -> Result<Response, JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn strip(answer: &Response) -> Result<Response, JsValue>;

    #[wasm_bindgen(catch)]
    pub(crate) fn view(
        body: Option<&str>,
        age_ms: u32,
        by: &str,
        node: Option<&str>,
        kept: &str,
        etag: Option<&str>,
    ) -> Result<Response, JsValue>;

    pub(crate) fn sales(answer: &Response) -> Option<String>;
    pub(crate) fn grant(answer: &Response) -> Option<String>;
    pub(crate) fn gone(answer: &Response) -> Option<String>;
    pub(crate) fn etag(answer: &Response) -> Option<String>;
    pub(crate) fn challenge(answer: &Response) -> Option<String>;
    pub(crate) fn limited(answer: &Response) -> Option<String>;
    #[wasm_bindgen(js_name = answeredBy)]
    pub(crate) fn answered_by(answer: &Response) -> Option<String>;

    pub(crate) fn node(answer: &Response) -> Option<String>;

    #[wasm_bindgen(js_name = sentKey)]
    pub(crate) fn sent_key(request: &Request) -> Option<String>;
    #[wasm_bindgen(js_name = ifNoneMatch)]
    pub(crate) fn if_none_match(request: &Request) -> Option<String>;
    #[wasm_bindgen(js_name = pageMarks)]
    pub(crate) fn page_marks(request: &Request) -> Option<String>;
    #[wasm_bindgen(js_name = asksPermission)]
    pub(crate) fn asks_permission(request: &Request) -> bool;
    #[wasm_bindgen(catch, js_name = addCors)]
    pub(crate) fn add_cors(
        answer: &Response,
        origin: Option<&str>,
        exposed: &str,
    ) -> Result<(), JsValue>;
    #[wasm_bindgen(catch)]
    pub(crate) fn preflight(methods: &str, names: &str, max_age: &str)
    -> Result<Response, JsValue>;
    #[wasm_bindgen(js_name = wantsPage)]
    pub(crate) fn wants_page(request: &Request) -> bool;
    #[wasm_bindgen(js_name = contentLength)]
    pub(crate) fn content_length(request: &Request) -> Option<String>;
    #[wasm_bindgen(js_name = contentType)]
    pub(crate) fn content_type(request: &Request) -> Option<String>;
    pub(crate) fn traceparent(request: &Request) -> Option<String>;
    pub(crate) fn authorization(request: &Request) -> Option<String>;
    #[wasm_bindgen(js_name = buyerToken)]
    pub(crate) fn buyer_token(request: &Request) -> Option<String>;
    #[wasm_bindgen(js_name = connectingIp)]
    pub(crate) fn connecting_ip(request: &Request) -> Option<String>;
    pub(crate) fn peer(request: &Request) -> Option<String>;
}
