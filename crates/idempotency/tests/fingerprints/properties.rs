//! A body has the same fingerprint whichever way it is written, and another one whatever is changed in it.

use proptest::prelude::*;
use steadfast_idempotency::{Fingerprint, JsonFields};

use crate::{
    all,
    tree::{Chance, Tree, trees},
};

fn written(tree: &Tree, chance: &[u8]) -> String {
    let mut text = String::new();
    tree.write(&mut Chance::new(chance.to_vec()), &mut text);
    text
}

fn chance() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..50)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn a_body_that_is_written_in_another_way_is_the_same(
        tree in trees(), one in chance(), other in chance()
    ) {
        let (one, other) = (written(&tree, &one), written(&tree, &other));
        prop_assert_eq!(all(&one), all(&other), "{} {}", one, other);
    }

    #[test]
    fn a_body_that_is_changed_is_another(
        tree in trees(), part: prop::sample::Index, one in chance(), other in chance()
    ) {
        let mut changed = tree.clone();
        changed.change(part.index(tree.parts()));
        prop_assert_ne!(&tree, &changed);
        let (one, other) = (written(&tree, &one), written(&changed, &other));
        prop_assert_ne!(all(&one), all(&other), "{} {}", one, other);
    }

    #[test]
    fn a_field_is_the_same_exactly_where_what_it_names_is(
        tree in trees(), rest in trees(), part: prop::sample::Index, one in chance(), other in chance()
    ) {
        let mut changed = tree.clone();
        changed.change(part.index(tree.parts()));
        let body = |field: &Tree, rest: &Tree, chance: &[u8]| {
            let body = [("field", field), ("rest", rest)].map(|(name, value)| (name.to_owned(), value.clone()));
            written(&Tree::Object(body.into()), chance)
        };
        let fields = JsonFields::new(["/field"]).unwrap();
        let of = |body: String| Fingerprint::of_json(body.as_bytes(), &fields).unwrap();
        let first = of(body(&tree, &rest, &one));
        prop_assert_eq!(first, of(body(&tree, &changed, &other)));
        prop_assert_ne!(first, of(body(&changed, &rest, &other)));
    }

    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let fields = JsonFields::new(["", "/0", "/a/b"]).unwrap();
        if let Err(error) = Fingerprint::of_json(&body, &fields) {
            prop_assert!(error.line() > 0 && error.column() > 0);
        }
    }
}
