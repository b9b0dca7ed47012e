//! How policies stack: outside-in, nested, optional, behind pointers, chained.

use std::{future::ready, sync::Arc};

use steadfast_core::{Pipeline, Policies, VirtualRuntime, WithPolicy, WithPolicyCall};

use crate::{
    Failed, on_virtual_time,
    policies::{Log, Mark, Pass, Refuses},
};

/// The log of one call through these policies.
macro_rules! log_of {
    ($log:expr, $policies:expr) => {{
        let (runtime, pipeline) = on_virtual_time($policies);
        let inner = $log.clone();
        let call = pipeline.call(move || {
            inner.add("op");
            ready(Ok::<_, Failed>(5))
        });
        assert_eq!(runtime.block_on(call), Ok(5));
        $log.take()
    }};
}

#[test]
fn twelve_policies_run_outside_in() {
    let log = Log::default();
    let mark = |name| Mark(name, log.clone());
    let twelve = (
        mark("a"),
        mark("b"),
        mark("c"),
        mark("d"),
        mark("e"),
        mark("f"),
        mark("g"),
        mark("h"),
        mark("i"),
        mark("j"),
        mark("k"),
        mark("l"),
    );
    assert_eq!(
        log_of!(log, twelve),
        ">a >b >c >d >e >f >g >h >i >j >k >l op <l <k <j <i <h <g <f <e <d <c <b <a"
    );
}

#[test]
fn every_length_of_tuple_up_to_twelve_is_a_stack() {
    let log = Log::default();
    let m = |name| Mark(name, log.clone());
    assert_eq!(log_of!(log, m("a")), ">a op <a");
    assert_eq!(log_of!(log, (m("a"),)), ">a op <a");
    assert_eq!(log_of!(log, (m("a"), m("b"))), ">a >b op <b <a");
    let three = (m("a"), m("b"), m("c"));
    assert_eq!(log_of!(log, three), ">a >b >c op <c <b <a");
    let four = (m("a"), Pass, m("b"), m("c"));
    assert_eq!(log_of!(log, four), ">a >b >c op <c <b <a");
    let five = (m("a"), Pass, Pass, m("b"), m("c"));
    assert_eq!(log_of!(log, five), ">a >b >c op <c <b <a");
    let six = (m("a"), Pass, Pass, Pass, m("b"), m("c"));
    assert_eq!(log_of!(log, six), ">a >b >c op <c <b <a");
    let seven = (Pass, m("a"), Pass, m("b"), Pass, m("c"), Pass);
    assert_eq!(log_of!(log, seven), ">a >b >c op <c <b <a");
    let eight = (Pass, m("a"), Pass, m("b"), Pass, m("c"), Pass, m("d"));
    assert_eq!(log_of!(log, eight), ">a >b >c >d op <d <c <b <a");
    let nine = (m("a"), Pass, Pass, m("b"), Pass, Pass, Pass, Pass, m("c"));
    assert_eq!(log_of!(log, nine), ">a >b >c op <c <b <a");
    let ten = (
        m("a"),
        Pass,
        Pass,
        m("b"),
        Pass,
        Pass,
        Pass,
        Pass,
        m("c"),
        Pass,
    );
    assert_eq!(log_of!(log, ten), ">a >b >c op <c <b <a");
    let eleven = (
        m("a"),
        Pass,
        Pass,
        m("b"),
        Pass,
        Pass,
        Pass,
        Pass,
        m("c"),
        Pass,
        Pass,
    );
    assert_eq!(log_of!(log, eleven), ">a >b >c op <c <b <a");
}

#[test]
fn a_tuple_in_a_tuple_is_the_same_as_a_flat_one() {
    let log = Log::default();
    let m = |name| Mark(name, log.clone());
    let nested = ((m("a"), (m("b"), m("c"))), m("d"), ((m("e"),),));
    assert_eq!(log_of!(log, nested), ">a >b >c >d >e op <e <d <c <b <a");
}

#[test]
fn nesting_goes_beyond_twelve() {
    let six = || (Pass, Pass, Pass, Pass, Pass, Pass);
    let log = Log::default();
    let many = (six(), six(), Mark("last", log.clone()), six());
    assert_eq!(log_of!(log, many), ">last op <last");
}

#[test]
fn an_optional_policy_is_there_or_is_not() {
    let log = Log::default();
    let m = |name| Mark(name, log.clone());
    let choice = |there: bool| there.then(|| m("maybe"));
    let with = (m("a"), choice(true), m("b"));
    assert_eq!(log_of!(log, with), ">a >maybe >b op <b <maybe <a");
    let without = (m("a"), choice(false), m("b"));
    assert_eq!(log_of!(log, without), ">a >b op <b <a");
    let whole_stack_off: Option<(Mark, Mark)> = None;
    assert_eq!(log_of!(log, whole_stack_off), "op");
}

#[test]
fn references_arcs_and_boxes_are_the_policies_behind_them() {
    let log = Log::default();
    let (mine, shared) = (
        Mark("mine", log.clone()),
        Arc::new(Mark("ours", log.clone())),
    );
    let policies = (
        &mine,
        Arc::clone(&shared),
        Box::new(Mark("boxed", log.clone())),
        &&shared,
        Arc::new((Pass, Some(&mine))),
    );
    assert_eq!(
        log_of!(log, policies),
        ">mine >ours >boxed >ours >mine op <mine <ours <boxed <ours <mine"
    );
}

#[test]
fn two_pipelines_may_share_one_policy() {
    let log = Log::default();
    let shared = Arc::new(Mark("shared", log.clone()));
    let first = log_of!(log, (Arc::clone(&shared), Mark("first", log.clone())));
    let second = log_of!(log, (Mark("second", log.clone()), shared));
    assert_eq!(first, ">shared >first op <first <shared");
    assert_eq!(second, ">second >shared op <shared <second");
}

#[test]
fn a_policy_further_out_ends_the_call_before_those_further_in_hear_of_it() {
    let log = Log::default();
    let m = |name| Mark(name, log.clone());
    let (runtime, pipeline) = on_virtual_time((m("a"), Refuses::because("no"), m("b")));
    let inner = log.clone();
    let call = pipeline.call(|| {
        inner.add("op");
        ready(Ok::<_, Failed>(()))
    });
    assert!(runtime.block_on(call).is_err());
    assert_eq!(log.take(), ">a <a");
}

#[test]
fn a_single_policy_can_be_called_without_a_pipeline() {
    let log = Log::default();
    let runtime = VirtualRuntime::new(1);
    let policy = Mark("only", log.clone());
    let pipeline = policy.on(runtime.clone());
    let result = runtime.block_on(pipeline.call(|| ready(Ok::<_, Failed>(3))));
    assert_eq!(result, Ok(3));
    assert_eq!(log.take(), ">only <only");
}

#[test]
fn combinators_chain_inside_out() {
    let log = Log::default();
    let (inner, outer) = (Mark("inner", log.clone()), Mark("outer", log.clone()));
    let runtime = VirtualRuntime::new(1);
    let plain = WithPolicy::with_on(ready(Ok::<_, Failed>(1)), runtime.clone(), &inner);
    assert_eq!(runtime.block_on(plain.with(&outer)), Ok(1));
    assert_eq!(log.take(), ">outer >inner <inner <outer");
    let closure = || ready(Ok::<_, Failed>(2));
    let call = WithPolicyCall::with_on(closure, runtime.clone(), &inner);
    assert_eq!(runtime.block_on(call.with(&outer)), Ok(2));
    assert_eq!(log.take(), ">outer >inner <inner <outer");
}

#[test]
fn a_pipeline_shows_its_policies_and_its_runtime() {
    let runtime = VirtualRuntime::new(1);
    let pipeline = Pipeline::on(runtime.clone(), (Pass, Mark("seen", Log::default())));
    assert_eq!(pipeline.policies().1.0, "seen");
    runtime.advance(crate::SECOND);
    assert_eq!(pipeline.runtime().elapsed(), crate::SECOND);
}
