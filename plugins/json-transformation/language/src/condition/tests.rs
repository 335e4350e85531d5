use super::*;
use crate::budget::Budget;
use crate::json::parse;
use crate::variables::Variables;

const DOCUMENT: &str = r#"{"s":"Abc","n":5,"f":5.0,"t":"5","b":true,"z":null,"e":"","l":["a","b",1],"el":[],"eo":{},
 "o":{"x":1},"m":[{"v":"a","p":true},{"v":"b"}],"d":"2024-05-05"}"#;

fn holds(condition: &str) -> bool {
    let input = parse(DOCUMENT).unwrap();
    let mut variables = Variables::default();
    variables.set("v".into(), Value::String("Abc".into()));
    variables.set("q".into(), Value::String("x' || 'a' == 'a".into()));
    variables.set("num".into(), Value::Number("5".into()));
    let properties = Properties::from([("p.k".to_owned(), "A".to_owned())]);
    let budget = Budget::default();
    let scope = Scope { input: &input, variables: &variables, budget: &budget };
    let condition =
        Condition::parse(condition, &properties).unwrap_or_else(|error| panic!("{condition}: {error}"));
    let result = condition.holds(&input, scope);
    assert_eq!(budget.fault(), None);
    result
}

#[test]
fn true_ones() {
    for condition in [
        "$.s == 'Abc'",
        "$.s=='Abc'",
        "@.s == \"Abc\"",
        "$.n == 5",
        "$.n == '5'",
        "$.t == 5",
        "$.n == 5.0",
        "$.n === 5",
        "$.n !== '5'",
        "$.b == true",
        "$.b != 'true'",
        "$.z == null",
        "$.missing == null",
        "$.missing != 'x'",
        "$.n < 6",
        "$.n>=5",
        "'a' < 'b'",
        "$.d < '2024-05-05 10:00'",
        "$.s =~ /A.c/",
        "$.s =~ /abc/i",
        "$.l =~ /b/",
        "$.n =~ /5/",
        "$.missing =~ /.*/",
        "$.z EMPTY true",
        "$.e empty true",
        "$.el EMPTY true",
        "$.eo EMPTY true",
        "$.missing EMPTY true",
        "$.n EMPTY false",
        "$.b EMPTY false",
        "$.o EMPTY false",
        "$.s IN ['x', 'Abc']",
        "$.s NIN ['x']",
        "$.missing NIN ['x']",
        "$.l CONTAINS 'a'",
        "$.l contains '1'",
        "$.s contains 'bc'",
        "$.l SIZE 3",
        "$.s SIZE 3",
        "$.l ANYOF ['a', 'zz']",
        "['a'] SUBSETOF ['a','b']",
        "$.l NONEOF ['x']",
        "$.s",
        "$.z",
        "!$.missing",
        "$.m[?(@.p == true)]",
        "!$.m[?(@.zz)]",
        "$.m[?(@.p == true)].v contains 'a'",
        "$.m[?(@.p == true)].v == ['a']",
        "$.missing[*].v == []",
        "$.m[*].v != []",
        "$.missing[?(@.x)] EMPTY true",
        "$.m.length() > 1",
        "$.o.length() == 1",
        "$.s.length() == 3",
        "$.o == {'x': 1}",
        "$.s == 'x' || $.n == 5 && $.b == true",
        "($.s == 'x' || $.n == 5) && $.b",
        "!($.s == 'x')",
        "'${v}' == 'Abc'",
        "$.s == '${v}'",
        "'${none}' == 'null'",
        "${none} == null",
        "$.n == ${num}",
        "$.s =~ /${v}/",
        "$.s IN ['${v}']",
        "'${q}' != 'x'",
        "isAttributeWithOptionalPrefix($.s, p.k)",
        "isAttributeWithMandatoryPrefix($.s,p.k)",
        "isAttributeWithOptionalPrefix($.missing, p.k)",
        "isAttributeWithOptionalPrefix($.s, none)",
        "isRegularGroup()",
        "$.s === 'Abc'&&$.n<6",
        "$.s&&$.n",
        "$['s'] == 'Abc'",
        "'a\\'b' == \"a'b\"",
        "$.missing === null",
    ] {
        assert!(holds(condition), "{condition}");
    }
}

#[test]
fn false_ones() {
    for condition in [
        "$.s == 'abc'",
        "$.b == 'true'",
        "$.n === '5'",
        "$.missing != null",
        "'null' == null",
        "$.n < '6'",
        "$.missing > 1",
        "$.s =~ /bc/",
        "$.missing =~ /.+/",
        "$.s EMPTY true",
        "$.missing EMPTY false",
        "$.n EMPTY true",
        "$.missing IN ['x']",
        "$.l CONTAINS 'c'",
        "$.l contains 'ab'",
        "$.n contains 5",
        "$.m[?(@.p == true)].v == 'a'",
        "$.missing",
        "!$.s",
        "$.missing[*].v != []",
        "$.n SIZE 1",
        "$.s SUBSETOF ['Abc']",
        "isAttributeWithMandatoryPrefix($.missing, p.k)",
        "isAttributeWithMandatoryPrefix($.s, none)",
        "isApplicationSpecificGroup()",
        "isValidEmail($.s)",
        "isValidEmail($.el)",
        "$.missing > 0",
        "$.missing.length() > 0",
        "'${q}' == 'x'",
    ] {
        assert!(!holds(condition), "{condition}");
    }
}

#[test]
fn refused_ones() {
    for (condition, part) in [
        ("", "a condition is expected"),
        ("$.a ==", "the text ends"),
        ("$.a == b", "quotes"),
        ("'a'", "operator"),
        ("$.a =~ 'x'", "slashes"),
        ("$.a =~ /x", "not closed"),
        ("$.a =~ /(/", ""),
        ("$.a EMPTY 'true'", "true or false"),
        ("$.a IN 'x'", "list"),
        ("($.a == 1", "`)`"),
        ("$.a == 1)", "the end"),
        ("$.a == 'x", "not closed"),
        ("$.a & $.b", ""),
        ("isValidMail($.a)", "isValidEmail"),
        ("$.a[?(isValidEmail(@.b))]", "inside a path"),
        ("$.a == 1 AND $.b == 2", "the end"),
        ("/a/ =~ $.b", ""),
    ] {
        let error = Condition::parse(condition, &Properties::new()).map(|_| ()).expect_err(condition);
        assert!(error.message.contains(part), "{condition}: {error}");
    }
    assert!(Condition::parse(&"(".repeat(10_000), &Properties::new()).is_err());
    assert!(Condition::parse(&"!".repeat(10_000), &Properties::new()).is_err());
}
