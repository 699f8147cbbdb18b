//! Handlers of what lies in the JavaScript of the worker: the page and the document of the API.

pub(crate) mod openapi_document;
pub(crate) mod static_files;
