//! Pages of other websites: what their visitors' browsers may do here.

use crate::trust::{ADA, ORDERS, SALE, assert_no};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, StatusCode};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Setup};
use shared::Code;

const SHOP: &str = "https://shop.example";
const JSON: (&str, &str) = ("content-type", "application/json");
const FOREIGN: (&str, &str) = ("sec-fetch-site", "cross-site");

/// A cluster with a sale, whose edge and whose nodes serve browsers; the addresses of one of each.
async fn cluster(environment: &[(&str, &str)]) -> (Cluster, [String; 2]) {
    let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let setup = Setup {
        direct: true,
        environment: environment.collect(),
        arguments: vec!["--demo".to_owned()],
        ..Setup::with_edge(Edge::under_test())
    };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    cluster.create_sale(SALE, 100).await.expect("a sale");
    let places = [cluster.edges[0].clone(), cluster.nodes[0].url.clone()];
    (cluster, places)
}

async fn ask(
    url: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> HttpReply {
    let mut request = Request::builder().method(method).uri(path);
    if body.is_empty() {
        request = request.header("content-length", "0");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
    HttpClient::new(url).unwrap().send(request.body(body).unwrap()).await.unwrap()
}

/// Places an order as a program does, which sends no mark of a browser; its path.
async fn placed(url: &str) -> String {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = ask(url, Method::POST, ORDERS, &form, ADA).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.header("location").to_owned()
}

#[tokio::test]
async fn a_page_of_another_website_cannot_order_confirm_cancel_or_extend_for_its_visitors() {
    let (cluster, places) = cluster(&[]).await;
    for url in &places {
        let order = placed(url).await;
        for marks in [
            &[FOREIGN][..],
            &[("sec-fetch-site", "same-site")],
            &[("origin", "https://evil.example")],
            &[("origin", "null"), FOREIGN],
            // Nobody is allowed here, the shop neither.
            &[("origin", SHOP), FOREIGN],
        ] {
            let headers = [marks, &[JSON]].concat();
            let answer = ask(url, Method::POST, ORDERS, &headers, ADA).await;
            assert_no(&answer, Code::ForeignOrigin, "another website");
            assert!(answer.headers.get("access-control-allow-origin").is_none());
            for verb in ["confirm", "cancel", "extend"] {
                let path = format!("{order}/{verb}");
                let answer = ask(url, Method::POST, &path, marks, "").await;
                assert_no(&answer, Code::ForeignOrigin, "another website");
            }
            // Without permission a browser sends nothing that needs one, and shows no answer.
            let asks = [marks, &[("access-control-request-method", "POST")]].concat();
            let answer = ask(url, Method::OPTIONS, ORDERS, &asks, "").await;
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
            assert!(answer.headers.get("access-control-allow-origin").is_none());
        }
        let answer = ask(url, Method::GET, &order, &[FOREIGN], "").await;
        assert!(answer.text().contains(r#""state":"confirmed""#), "{}", answer.text());
    }
    assert_eq!(cluster.orders(SALE).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_own_page_orders_with_json_and_with_nothing_that_a_form_or_a_beacon_can_send() {
    let (_cluster, places) = cluster(&[]).await;
    for url in &places {
        let own = [("origin", url.as_str())];
        let fetched = [("origin", url.as_str()), ("sec-fetch-site", "same-origin")];
        for marks in [&own[..], &fetched] {
            let headers = [marks, &[JSON]].concat();
            let answer = ask(url, Method::POST, ORDERS, &headers, ADA).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
            let path = format!("{}/cancel", answer.header("location"));
            let answer = ask(url, Method::POST, &path, marks, "").await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
            for content_type in [
                "text/plain;charset=UTF-8",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
            ] {
                let headers = [marks, &[("content-type", content_type)]].concat();
                let answer = ask(url, Method::POST, ORDERS, &headers, ADA).await;
                assert_no(&answer, Code::MediaType, "application/json");
                let answer = ask(url, Method::POST, &path, &headers, "{}").await;
                assert_no(&answer, Code::MediaType, "application/json");
            }
            let answer = ask(url, Method::POST, ORDERS, marks, ADA).await;
            assert_no(&answer, Code::MediaType, "application/json");
        }
    }
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_is_given_permission_and_reads_every_answer() {
    let origins = format!("{SHOP},http://localhost:5173");
    let (_cluster, places) = cluster(&[("LASTSEAT_ALLOWED_ORIGINS", &origins)]).await;
    let page = [("origin", SHOP), FOREIGN];
    for url in &places {
        let permission = [
            &page[..],
            &[
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type,idempotency-key"),
            ],
        ];
        let order = placed(url).await;
        for path in [ORDERS, &order, &format!("{order}/cancel")] {
            let answer = ask(url, Method::OPTIONS, path, &permission.concat(), "").await;
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
            assert_eq!(answer.header("access-control-allow-origin"), SHOP);
            assert_eq!(answer.header("vary"), "Origin");
            let methods = answer.header("access-control-allow-methods");
            assert!(methods.contains("POST"), "{methods}");
            assert!(answer.header("access-control-max-age").parse::<u32>().unwrap() > 0);
            let headers = answer.header("access-control-allow-headers");
            for name in ["idempotency-key", "content-type", "lastseat-retry", "authorization"] {
                assert!(headers.split(", ").any(|allowed| allowed == name), "{name}: {headers}");
            }
        }
        let headers = [&page[..], &[JSON]].concat();
        let sold = ask(url, Method::POST, ORDERS, &headers, ADA).await;
        assert_eq!(sold.status, StatusCode::CREATED, "{}", sold.text());
        let refused = ask(url, Method::POST, "/v1/sales/nowhere/orders", &headers, ADA).await;
        assert_eq!(refused.status, StatusCode::NOT_FOUND, "{}", refused.text());
        let wrong = ask(url, Method::POST, ORDERS, &headers, "{").await;
        assert_eq!(wrong.status, StatusCode::BAD_REQUEST, "{}", wrong.text());
        let seen = ask(url, Method::GET, &format!("/v1/sales/{SALE}"), &page, "").await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.text());
        let missing = ask(url, Method::GET, "/nowhere", &page, "").await;
        for answer in [sold, refused, wrong, seen, missing] {
            assert_eq!(answer.header("access-control-allow-origin"), SHOP);
            assert_eq!(answer.header("vary"), "Origin");
            let exposed = answer.header("access-control-expose-headers");
            for name in ["lastseat-age-ms", "idempotency-replayed", "retry-after", "location"] {
                assert!(exposed.split(", ").any(|shown| shown == name), "{name}: {exposed}");
            }
        }
        // Others stay what they were, and caches hear that there is a difference.
        let evil = [("origin", "https://evil.example"), FOREIGN, JSON];
        let answer = ask(url, Method::POST, ORDERS, &evil, ADA).await;
        assert_no(&answer, Code::ForeignOrigin, "another website");
        assert!(answer.headers.get("access-control-allow-origin").is_none());
        assert_eq!(answer.header("vary"), "Origin");
    }
}
