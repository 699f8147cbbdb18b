//! Reads what `perf script` prints: one stack of calls for each sample.

/// What a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FrameKind {
    /// The kernel.
    Kernel,
    /// V8 collects garbage, or the objects that a request leaves are destroyed.
    Garbage,
    /// JavaScript and WebAssembly, and V8's own built-in functions.
    Script,
    /// Memory is allocated or freed.
    Memory,
    /// A program or a library.
    Program,
}

impl FrameKind {
    /// All, as tables and pictures have them.
    pub const ALL: [Self; 5] =
        [Self::Kernel, Self::Garbage, Self::Script, Self::Memory, Self::Program];

    /// How tables call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Garbage => "garbage collection",
            Self::Script => "JavaScript and WebAssembly",
            Self::Memory => "memory allocation",
            Self::Program => "the program itself",
        }
    }
}

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackFrame {
    /// The function, shortened.
    pub name: String,
    /// What it belongs to.
    pub kind: FrameKind,
}

/// The calls of one sample, the outermost first.
pub type CallStack = Vec<StackFrame>;

/// Longest name of a function that is kept.
const NAME_MAX: usize = 72;

/// All stacks in `text`, which `perf script -F comm,tid,ip,sym,dso` printed. Where `compiles`, what
/// has no name was compiled by V8; elsewhere it is where the callers could not be followed any
/// further.
#[must_use]
pub fn parse(text: &str, compiles: bool) -> Vec<CallStack> {
    let mut stacks = Vec::new();
    let mut stack = CallStack::new();
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            if !stack.is_empty() {
                stack.reverse();
                stacks.push(std::mem::take(&mut stack));
            }
        } else if line.starts_with(char::is_whitespace)
            && let Some(frame) = frame(line.trim(), compiles)
        {
            stack.push(frame);
        }
    }
    stacks
}

/// `ffffffff81a0 tcp_sendmsg ([kernel.kallsyms])`
fn frame(line: &str, compiles: bool) -> Option<StackFrame> {
    let (_, rest) = line.split_once(' ')?;
    let (symbol, dso) = rest.rsplit_once(" (")?;
    let dso = dso.trim_end_matches(')');
    let kind = if dso.starts_with("[kernel") || dso.starts_with("[k") {
        FrameKind::Kernel
    } else if compiles && is_script(symbol, dso) {
        FrameKind::Script
    } else if is_garbage(symbol) {
        FrameKind::Garbage
    } else if is_memory(symbol) {
        FrameKind::Memory
    } else {
        FrameKind::Program
    };
    Some(StackFrame { name: shortened(symbol, dso, kind), kind })
}

/// What V8 has compiled has no file; Wasm and JavaScript are not told apart.
fn is_script(symbol: &str, dso: &str) -> bool {
    let compiled = ["/perf-", "//anon", "[JIT]", "memfd:"];
    compiled.iter().any(|name| dso.contains(name))
        || (symbol == "[unknown]" && dso == "[unknown]")
        || symbol.starts_with("Builtins_")
}

fn is_garbage(symbol: &str) -> bool {
    [
        "v8::internal::Heap::CollectGarbage",
        "v8::internal::MinorGCJob",
        "v8::internal::ScavengerCollector",
        "cppgc::internal::Sweeper",
        "workerd::jsg::IsolateBase::RefToDelete",
        "workerd::jsg::HeapTracer",
    ]
    .iter()
    .any(|name| symbol.contains(name))
}

fn is_memory(symbol: &str) -> bool {
    ["tcmalloc::", "malloc", "cfree", "__libc_free", "_int_free", "realloc", "zmalloc", "zfree"]
        .iter()
        .any(|name| symbol.starts_with(name))
}

/// Without what stands in brackets, and not too long.
fn shortened(symbol: &str, dso: &str, kind: FrameKind) -> String {
    if symbol == "[unknown]" {
        if kind == FrameKind::Script {
            return "[JavaScript or WebAssembly]".to_owned();
        }
        let library = dso.rsplit('/').next().unwrap_or(dso);
        return format!("[{}]", library.trim_matches(['[', ']']));
    }
    let (mut short, mut depth) = (String::new(), 0_u32);
    for letter in symbol.chars() {
        match letter {
            '<' | '(' | '{' => depth += 1,
            '>' | ')' | '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => short.push(letter),
            _ => {}
        }
    }
    // Rust puts all of a method of a trait in brackets.
    let short = if short.trim_matches([':', ' ', '*']).is_empty() || short.starts_with("::") {
        symbol.replace("::{{closure}}", "")
    } else {
        short
    };
    short.chars().take(NAME_MAX).collect()
}

/// What a sample was spent on: on garbage if that is anywhere in its calls, else on what its
/// innermost call belongs to.
#[must_use]
pub fn spent_on(stack: &CallStack) -> FrameKind {
    if stack.iter().any(|frame| frame.kind == FrameKind::Garbage) {
        return FrameKind::Garbage;
    }
    stack.last().map_or(FrameKind::Program, |frame| frame.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "workerd  28721 \n\
        \tffffffff81a0 tcp_sendmsg ([kernel.kallsyms])\n\
        \t7f01 JS:*'fetch index.js:1:2 (/tmp/perf-28721.map)\n\
        \t55aa kj::_::waitImpl(kj::Own<kj::_::PromiseNode>&&, int) (/x/bin/workerd)\n\
        \n\
        workerd  28721 \n\
        \t55ab tcmalloc::alloc<int> (/x/bin/workerd)\n\
        \t55ac v8::internal::Heap::CollectGarbage(int) (/x/bin/workerd)\n";

    #[test]
    fn a_stack_begins_with_its_outermost_call_and_knows_what_calls_belong_to() {
        let stacks = parse(TEXT, true);
        assert_eq!(stacks.len(), 2);
        let kinds: Vec<FrameKind> = stacks[0].iter().map(|frame| frame.kind).collect();
        assert_eq!(kinds, [FrameKind::Program, FrameKind::Script, FrameKind::Kernel]);
        assert_eq!(stacks[0][0].name, "kj::_::waitImpl");
    }

    #[test]
    fn what_is_done_for_garbage_is_garbage_whoever_does_it() {
        let stacks = parse(TEXT, true);
        assert_eq!(spent_on(&stacks[0]), FrameKind::Kernel);
        assert_eq!(spent_on(&stacks[1]), FrameKind::Garbage);
    }

    #[test]
    fn a_method_of_a_trait_keeps_its_name() {
        let name =
            shortened("<tokio::net::TcpStream as core::fmt::Debug>::fmt", "x", FrameKind::Program);
        assert!(name.contains("TcpStream"), "{name}");
    }
}
