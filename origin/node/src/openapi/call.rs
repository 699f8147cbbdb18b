//! OpenAPI description of one call.

use super::{example, headers};
use serde::Serialize;
use serde_json::{Value, json};
use shared::wire::problem::PROBLEM_JSON;
use shared::{Code, OrderId, Problem, SaleId, Verb};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterIn};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Components, Content, HttpMethod, PathItem, Paths, Ref, RefOr, Required};
use utoipa::openapi::{Response, SecurityRequirement, Server};

/// The verb of a scoped token that a call needs, of what a document says of it: the scope of its
/// token.
pub(super) fn verb_of(call: &Value) -> Option<&str> {
    let needs = call["security"].as_array()?.iter().filter_map(Value::as_object);
    let mut scopes = needs.flat_map(|need| need.values()).filter_map(Value::as_array);
    scopes.find_map(|scopes| scopes.first()?.as_str())
}

/// What may go wrong with every call that asks the ledger.
pub(super) const LEDGER: [Code; 3] = [Code::Unavailable, Code::OutcomeUnknown, Code::Corrupt];

/// One call of the API.
pub(super) struct Call {
    method: HttpMethod,
    path: &'static str,
    operation: OperationBuilder,
    /// Types that its bodies refer to.
    schemas: Vec<(String, RefOr<Schema>)>,
    good: BTreeMap<u16, Response>,
    codes: Vec<Code>,
}

impl Call {
    /// A call of `path`, whose ids become its parameters. `id` is what generated clients call it.
    pub(super) fn new(method: HttpMethod, path: &'static str, id: &str, title: &str) -> Self {
        let mut call = Self {
            method,
            path,
            operation: OperationBuilder::new().operation_id(Some(id)).summary(Some(title)),
            schemas: Vec::new(),
            good: BTreeMap::new(),
            codes: Vec::new(),
        };
        if path.contains("{sale}") {
            call = call.named::<SaleId>("sale", "The sale.", "demo");
        }
        if path.contains("{order}") {
            call = call.named::<OrderId>(
                "order",
                "The order, percent-encoded where need be.",
                example::ORDER,
            );
        }
        call
    }

    fn named<T: ToSchema>(mut self, name: &str, about: &str, example: &str) -> Self {
        let parameter = Parameter::builder()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(about))
            .schema(Some(self.refer::<T>()))
            .example(Some(json!(example)));
        self.operation = self.operation.parameter(parameter);
        self.no(&[Code::Invalid])
    }

    /// Which group it belongs to.
    pub(super) fn tag(mut self, tag: &str) -> Self {
        self.operation = self.operation.tag(tag);
        self
    }

    /// What it does, in sentences.
    pub(super) fn about(mut self, about: &str) -> Self {
        self.operation = self.operation.description(Some(about));
        self
    }

    /// A parameter of its query or its head.
    pub(super) fn parameter(mut self, parameter: Parameter) -> Self {
        self.operation = self.operation.parameter(parameter);
        self
    }

    /// Whose token it needs.
    pub(super) fn token(mut self, scheme: &str) -> Self {
        let verb = Verb::of_call(name_of(&self.method), self.path).map(|(verb, _)| verb.as_str());
        let needed = SecurityRequirement::new(scheme, verb);
        self.operation = self.operation.security(needed);
        self.no(&[Code::Unauthorized, Code::TokenExpired, Code::TokenVerb, Code::TokenSale])
    }

    /// It may be made with or without that token.
    pub(super) fn or_without_token(mut self) -> Self {
        self.operation = self.operation.security(SecurityRequirement::default());
        self
    }

    /// Where it is served, if not where the others are.
    pub(super) fn at(mut self, server: Server) -> Self {
        self.operation = self.operation.server(server);
        self
    }

    /// A line of a shell that makes the call. `$URL`, `$ADMIN_URL`, `$SHOP_TOKEN`, `$ADMIN_TOKEN`
    /// and `$KEY` stand for what their names say.
    pub(super) fn curl(mut self, line: &str) -> Self {
        let sample = json!([{"lang": "Shell", "label": "curl", "source": line}]);
        // The only extension: several would be written in a sequence that differs from run to run.
        let extensions = ExtensionsBuilder::new().add("x-codeSamples", sample).build();
        self.operation = self.operation.extensions(Some(extensions));
        self
    }

    /// It takes a body; `example` is one.
    pub(super) fn takes<T: ToSchema>(mut self, required: Required, example: Value) -> Self {
        let content = Content::builder().schema(Some(self.refer::<T>())).example(Some(example));
        let body = RequestBody::builder()
            .required(Some(required))
            .content("application/json", content.build());
        self.operation = self.operation.request_body(Some(body.build()));
        self.no(&[Code::Invalid, Code::TooLarge])
    }

    /// It changes something, so a page of another website may not make it, and a browser sends its
    /// body as JSON.
    pub(super) fn not_for_foreign_pages(self) -> Self {
        self.no(&[Code::ForeignOrigin, Code::MediaType])
    }

    /// A good answer with `example` as its body, and the headers of the component's names.
    pub(super) fn yes<T: ToSchema + Serialize>(
        mut self,
        status: u16,
        about: &str,
        example: &T,
        extra: &[&str],
    ) -> Self {
        let content = Content::builder()
            .schema(Some(self.refer::<T>()))
            .example(serde_json::to_value(example).ok());
        let answer = answer(about, extra).content("application/json", content.build());
        self.good.insert(status, answer.build());
        self
    }

    /// A good answer without a body.
    pub(super) fn nothing(mut self, status: u16, about: &str, extra: &[&str]) -> Self {
        self.good.insert(status, answer(about, extra).build());
        self
    }

    /// Calls that go on with the order of the good answer of this status.
    pub(super) fn then(mut self, status: u16, calls: &[&str]) -> Self {
        if let Some(answer) = self.good.get_mut(&status) {
            for call in calls {
                let link = Link::builder()
                    .operation_id(*call)
                    .parameter("sale", "$request.path.sale")
                    .parameter("order", "$response.body#/order_id");
                answer.links.insert((*call).to_owned(), RefOr::T(link.build()));
            }
        }
        self
    }

    /// A good answer of another kind than JSON of one of our types.
    pub(super) fn says(
        mut self,
        about: &str,
        media_type: &str,
        schema: Schema,
        example: Value,
    ) -> Self {
        let content = Content::builder().schema(Some(schema)).example(Some(example));
        let answer = answer(about, &[]).content(media_type, content.build());
        self.good.insert(200, answer.build());
        self
    }

    /// Adds a type that is described but not a whole body.
    pub(super) fn with<T: ToSchema>(mut self) -> Self {
        self.refer::<T>();
        self
    }

    /// Codes that it may answer.
    pub(super) fn no(mut self, codes: &[Code]) -> Self {
        for code in codes {
            if !self.codes.contains(code) {
                self.codes.push(*code);
            }
        }
        self
    }

    fn refer<T: ToSchema>(&mut self) -> Ref {
        let name = T::name();
        T::schemas(&mut self.schemas);
        self.schemas.push((name.to_string(), T::schema()));
        Ref::from_schema_name(name)
    }

    /// Puts the call and all that it refers to into a document.
    pub(super) fn enter(mut self, paths: &mut Paths, components: &mut Components) {
        if !self.codes.is_empty() {
            self.refer::<Problem>();
        }
        let mut operation = self.operation;
        for (status, answer) in self.good {
            operation = operation.response(status.to_string(), answer);
        }
        for status in statuses(&self.codes) {
            let codes = self.codes.iter().filter(|code| code.status() == status);
            operation = operation.response(status.to_string(), refusal(codes));
        }
        for code in self.codes {
            let example = RefOr::T(example::of_code(code));
            components.examples.insert(code.as_str().to_owned(), example);
        }
        components.schemas.extend(self.schemas);
        let item = PathItem::new(self.method, operation);
        match paths.paths.get_mut(self.path) {
            Some(there) => there.merge_operations(item),
            None => drop(paths.paths.insert(self.path.to_owned(), item)),
        }
    }
}

/// The method as a request line has it.
const fn name_of(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Put => "PUT",
        HttpMethod::Post => "POST",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Delete => "DELETE",
        HttpMethod::Head => "HEAD",
        HttpMethod::Options => "OPTIONS",
        HttpMethod::Trace => "TRACE",
    }
}

fn statuses(codes: &[Code]) -> Vec<u16> {
    let mut statuses: Vec<u16> = codes.iter().map(|code| code.status()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn answer(about: &str, extra: &[&str]) -> utoipa::openapi::ResponseBuilder {
    let mut answer = Response::builder().description(about);
    for name in [headers::OF_ALL, extra].concat() {
        answer = answer.header_ref(name, headers::refer(name));
    }
    answer
}

/// The answer of all codes that share a status.
fn refusal<'a>(codes: impl Iterator<Item = &'a Code> + Clone) -> Response {
    let words = codes.clone().map(|code| format!("`{}`: {}", code.as_str(), code.detail()));
    let about = words.collect::<Vec<_>>().join("\n\n");
    let examples = codes.clone().map(|code| {
        let place = format!("#/components/examples/{}", code.as_str());
        (code.as_str(), RefOr::Ref(Ref::new(place)))
    });
    let content = Content::builder()
        .schema(Some(Ref::from_schema_name(Problem::name())))
        .examples_from_iter(examples);
    let mut extra = Vec::new();
    if codes.clone().any(|code| example::problem(*code).retry_after_ms.is_some()) {
        extra.push(headers::RETRY_AFTER);
    }
    if codes.clone().any(|code| code.status() == 401) {
        extra.push(headers::WWW_AUTHENTICATE);
    }
    answer(&about, &extra).content(PROBLEM_JSON, content.build()).build()
}

/// The line of a shell for a call of `path` of the operators' API.
pub(super) fn curl(method: &str, path: &str, body: Option<Value>) -> String {
    let body = body.map_or(String::new(), |body| format!(" -d '{body}'"));
    let method = match method {
        "GET" => String::new(),
        method => format!(" -X {method}"),
    };
    format!(r#"curl -sS{method} "$ADMIN_URL{path}" -H "Authorization: Bearer $ADMIN_TOKEN"{body}"#)
}

/// A parameter of the query that may be left out.
pub(super) fn query(name: &str, about: &str, schema: RefOr<Schema>) -> Parameter {
    Parameter::builder()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}
