//! The handlers of the routes.

pub(crate) mod openapi_document;
pub(crate) mod orders;
pub(crate) mod sales;
pub(crate) mod static_files;
