//! What takes turns in a measure: lastseat and the services that it is compared with.

use crate::harness::Edge;

/// Processes of the edge of a stack: one for each processor of the machine that this is made for.
pub(super) const WORKERS: u16 = 2;

/// A service in Go that lastseat is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The article's service as published.
    S0,
    /// The same, minimally repaired.
    S1,
    /// A competent repair.
    S2,
}

/// How nginx is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nginx {
    /// As it comes, with the article's weights.
    Default,
    /// Connections to the nodes kept, no access log.
    Tuned,
}

/// What takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Nodes of lastseat without an edge. Of `sales` the first `asked` are asked for.
    Nodes { nodes: usize, sales: usize, asked: usize },
    /// One node of a peer. Its local stock is as large as the tickets are, or, `buffered`, lasts.
    Node { peer: Peer, buffered: bool },
    /// The edge before one node.
    Edge(Edge),
    /// The edge before one node, with a train whose seats are all sold on all legs but the last.
    Journeys(Edge),
    /// A worker of `tests/bench/peers/js`, in so many processes. All but `refuse` stand before a
    /// node.
    Worker { name: &'static str, edge: Edge, processes: u16 },
    /// lastseat: this edge and four nodes; or one node that faces buyers itself ([`Edge::Public`]).
    Stack(Edge),
    /// Four nodes of a peer behind nginx.
    Behind(Peer, Nginx),
}

impl Subject {
    /// lastseat with the edge on bare workerd.
    pub const WORKER: Self = Self::Stack(Edge::Workerd);
    /// lastseat with its native edge.
    pub const GATEWAY: Self = Self::Stack(Edge::Gateway);
    /// One node that faces buyers itself.
    pub const PUBLIC: Self = Self::Stack(Edge::Public);
    /// One node of lastseat.
    pub const OURS: Self = Self::Nodes { nodes: 1, sales: 1, asked: 1 };
    /// No service: a worker refuses everybody with a constant, in as many processes as our edge
    /// has. What it takes no edge on this runtime can do without.
    pub const CONSTANT: Self =
        Self::Worker { name: "refuse", edge: Edge::Workerd, processes: WORKERS };

    /// One node of `peer`.
    pub const fn node(peer: Peer) -> Self {
        Self::Node { peer, buffered: false }
    }

    /// One process of the worker `name`.
    pub const fn worker(name: &'static str, edge: Edge) -> Self {
        Self::Worker { name, edge, processes: 1 }
    }

    /// How rows and notes call it.
    pub fn name(self) -> String {
        match self {
            Self::GATEWAY => "the gateway".to_owned(),
            Self::PUBLIC => "a node that faces buyers".to_owned(),
            Self::OURS | Self::Stack(_) => "lastseat".to_owned(),
            Self::CONSTANT => "a constant answer on workerd".to_owned(),
            Self::Nodes { nodes, sales, asked } => {
                format!("{nodes} nodes, {sales} sales, {asked} of them asked for")
            }
            Self::Node { peer, buffered: true } => format!("{peer:?} while its buffer lasts"),
            Self::Node { peer, .. } => format!("{peer:?}"),
            Self::Edge(Edge::Gateway) => "a gateway before one node".to_owned(),
            Self::Edge(_) => "WebAssembly".to_owned(),
            Self::Journeys(edge) => format!("{}, with a train", Self::Edge(edge).name()),
            Self::Worker { name, .. } => format!("{name}.js"),
            Self::Behind(peer, Nginx::Default) => format!("{peer:?} behind nginx as it comes"),
            Self::Behind(peer, Nginx::Tuned) => format!("{peer:?} behind tuned nginx"),
        }
    }

    pub(super) const fn peer(self) -> Option<Peer> {
        match self {
            Self::Node { peer, .. } | Self::Behind(peer, _) => Some(peer),
            _ => None,
        }
    }

    /// Whether it has tickets: a constant answer has none.
    pub(super) const fn sells(self) -> bool {
        !matches!(self, Self::Worker { name, .. } if matches!(name.as_bytes(), b"refuse"))
    }
}
