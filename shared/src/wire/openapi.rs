//! OpenAPI schemas of ids, amounts and moments.
//!
//! Built only for those (feature `openapi`): the bounds are the ones of [`crate::limits`], so that
//! a document cannot promise others.

use crate::domain::ids::{BuyerId, Capacity, OrderId, PaymentReference, Quantity, SaleId};
use crate::domain::pay_url::PayUrl;
use crate::domain::payment::OrderMetadata;
use crate::domain::return_url::ReturnUrl;
use crate::limits;
use crate::wire::problem::Code;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type,
};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A text of visible ASCII characters.
const VISIBLE: &str = "^[!-~]+$";
/// A text of one line without white space at its ends. That it has at most 128 bytes, not
/// characters, no pattern says.
const LINE: &str = concat!(
    r"^[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2066-\u2069\u3000\ufeff]",
    r"([^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]*",
    r"[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028-\u202f\u205f\u2066-\u2069\u3000\ufeff])?$",
);
/// A text of letters, digits, `-` and `_`.
const WORD: &str = "^[A-Za-z0-9_-]+$";

/// A template of a pay URL or nothing. Literal IPv6 addresses are taken, too, but no pattern of a
/// bearable length says which.
const PAY_URL: &str = concat!(
    r"^$|^(https://[A-Za-z0-9][A-Za-z0-9.-]*|http://(localhost|127\.0\.0\.1|\[::1\]))",
    "(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    r"([/?#]([!#-;=?-\[\]_a-z~]|\{(order_id|number|sale)\})*",
    r"\{order_id\}([!#-;=?-\[\]_a-z~]|\{(order_id|number|sale)\})*",
    r"|(/[!$-;=@-\[\]_a-z~]*)?\?([!$-;=?-\[\]_a-z~]*&)?",
    r"\{signed\}([!#-;=?-\[\]_a-z~]|\{(order_id|number|sale)\})*)$",
);

/// An address or nothing; the same of IPv6 holds as above.
const RETURN_URL: &str = concat!(
    r"^$|^(https://[A-Za-z0-9][A-Za-z0-9.-]*|http://(localhost|127\.0\.0\.1|\[::1\]))",
    "(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?",
    r"([/?#][!#-;=?-\[\]_a-z~]*)?$",
);

macro_rules! texts {
    ($($name:ty: $min:expr, $max:expr, $pattern:expr, $example:expr, $about:expr;)*) => {
        $(impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($about))
                    .min_length(Some($min))
                    .max_length(Some($max))
                    .pattern(Some($pattern))
                    .examples([$example])
                    .into()
            }
        }

        impl ToSchema for $name {})*
    };
}

macro_rules! numbers {
    ($($name:ty: $min:expr, $max:expr, $about:expr;)*) => {
        $(impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
                    .description(Some($about))
                    .minimum(Some($min as usize))
                    .maximum(Some($max as usize))
                    .into()
            }
        }

        impl ToSchema for $name {})*
    };
}

texts! {
    SaleId: 1, limits::SALE_ID_MAX, WORD, "demo", "Names one sale.";
    BuyerId: 1, limits::BUYER_ID_MAX, LINE, "ada", "Names one buyer, as the shop or the client \
        likes: any text of at most 128 bytes in UTF-8, without control characters and without \
        white space at its ends. It is kept in the composed form (NFC), so that it means the same \
        however its accents are written. What should be one buyer the client writes alike: case \
        and spaces count.";
    PaymentReference: 1, limits::PAYMENT_REFERENCE_MAX, LINE, "pi_3QkLmN2eZvKYlo2C",
        "By which the shop finds the payment of an order: any text of at most 128 bytes in UTF-8, \
        without control characters and without white space at its ends.";
    OrderId: limits::ORDER_ID_MIN, limits::ORDER_ID_MAX, VISIBLE,
        "01a206a1-4986-71b9-82fc-1638e7e87c78",
        "Names one order and is its idempotency key. It is a capability: whoever knows it may \
         read the order, extend it, and give it back while it is not paid. Use a random one, such \
         as a UUID. A UUID is the same in upper and lower case, any other id is what it is.";
    PayUrl: 0, limits::PAY_URL_MAX, PAY_URL, "https://shop.example/pay?order={order_id}",
        "Where the buyer of a held order pays: https, a template with `{order_id}`, and if you \
         like `{number}` and `{sale}`, or with `{signed}` in its query; empty = nowhere.";
    ReturnUrl: 0, limits::PAY_URL_MAX, RETURN_URL, "https://tickets.example/s/concert",
        "Where the shop sends the buyer back: https, an address as it is; empty = nowhere.";
}

/// A moment that can be set.
#[derive(Debug)]
pub struct Moment;
/// How long a hold lasts.
#[derive(Debug)]
pub struct HoldMs;
/// Most tickets of one buyer.
#[derive(Debug)]
pub struct BuyerLimit;
/// Most tickets in one order.
#[derive(Debug)]
pub struct OrderLimit;

numbers! {
    Quantity: 1, limits::QUANTITY_MAX, "A number of tickets in one order.";
    Capacity: 0, limits::CAPACITY_MAX, "A number of tickets of a sale.";
    HoldMs: 0, limits::HOLD_MS_MAX, "How long a hold lasts, in milliseconds; 0 = orders are \
        confirmed at once.";
    BuyerLimit: 0, limits::CAPACITY_MAX, "Most tickets that one buyer can hold or own at a time; \
        0 = no limit.";
    OrderLimit: 1, limits::QUANTITY_MAX, "Most tickets in one order.";
}

impl PartialSchema for Moment {
    fn schema() -> RefOr<Schema> {
        let range = |from: usize, to: usize| {
            let number = ObjectBuilder::new().schema_type(Type::Integer);
            number.minimum(Some(from)).maximum(Some(to))
        };
        let (from, to) = (limits::MOMENT_MIN_MS as usize, limits::MOMENT_MAX_MS as usize);
        OneOfBuilder::new()
            .description(Some(
                "Milliseconds since 1970-01-01T00:00:00Z, from 2001 to 5138; 0 = not set.",
            ))
            .item(range(0, 0))
            .item(range(from, to))
            .into()
    }
}

impl ToSchema for Moment {}

impl PartialSchema for OrderMetadata {
    fn schema() -> RefOr<Schema> {
        // Said of the object, since generated clients else take it for one without fields.
        let fields = Some(AdditionalProperties::FreeForm(true));
        OneOfBuilder::new()
            .description(Some("A JSON object or string of at most 512 bytes in its shortest form."))
            .item(ObjectBuilder::new().schema_type(Type::Object).additional_properties(fields))
            .item(ObjectBuilder::new().schema_type(Type::String))
            .into()
    }
}

impl ToSchema for OrderMetadata {}

/// The words of the API, which a derived schema would miss.
impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "What is wrong, for programs. Codes stay as they are; new ones may come.",
            ))
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .into()
    }
}

impl ToSchema for Code {}
