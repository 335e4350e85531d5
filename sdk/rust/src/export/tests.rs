//! The life of a connector in an instance.

use super::*;
use std::cell::Cell;

thread_local! {
    static OPENED: Cell<u32> = const { Cell::new(0) };
}

/// Cannot be opened at first, then counts its calls.
struct Counter(u64);

impl Connector for Counter {
    fn open() -> Result<Self> {
        OPENED.set(OPENED.get() + 1);
        if OPENED.get() == 1 { Err(Error::configuration("Not yet.")) } else { Ok(Counter(0)) }
    }
}

impl Source for Counter {
    fn read_page(&mut self, _: &str, _: Option<&str>, _: u32) -> Result<Page> {
        self.0 += 1;
        Ok(Page::new(vec![], None).with_total(Some(self.0)))
    }

    fn read_entities(&mut self, _: &str, ids: &[String]) -> Vec<Result<Entity>> {
        ids.iter().map(|id| Ok(Entity::new(id, "{}"))).collect()
    }
}

impl Target for Counter {
    fn write(&mut self, _: &[Operation]) -> Result<Vec<Outcome>> {
        self.0 += 1;
        Ok(vec![Outcome::done(self.0.to_string())])
    }

    fn read_entities(&mut self, entity_type: &str, ids: &[String]) -> Vec<Result<Entity>> {
        Source::read_entities(self, entity_type, ids)
    }

    fn find(&mut self, _: &str, _: &[AttributeValue], _: u32) -> Result<Vec<Entity>> {
        Err(Error::unsupported("no"))
    }
}

#[test]
fn one_connector_serves_all_calls_of_an_instance_in_both_roles() {
    type From = SourceExport<Counter>;
    type To = TargetExport<Counter>;
    use source_export::Guest as _;
    use target_export::Guest as _;
    let ids = || vec!["a".to_owned(), "b".to_owned()];
    // It cannot be opened: each element says so, and the next call tries again.
    let answers = <From as source_export::Guest>::read_entities("user".to_owned(), ids());
    assert_eq!(answers, [Err(Error::configuration("Not yet.")), Err(Error::configuration("Not yet."))]);
    assert_eq!(From::read_page("user".to_owned(), None, 1).unwrap().total, Some(1));
    assert_eq!(To::write(vec![]).unwrap()[0].id.as_deref(), Some("2"));
    assert!(To::find("user".to_owned(), vec![], 1).is_err_and(|error| error.is("unsupported")));
    assert_eq!(From::read_page("user".to_owned(), None, 1).unwrap().total, Some(3));
    assert_eq!(<To as target_export::Guest>::read_entities("user".to_owned(), ids()).len(), 2);
    assert_eq!(OPENED.get(), 2);
}
