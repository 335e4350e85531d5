//! Job types and start: F001 to F020.

use crate::setting::Setting;
use crate::systems::write_users;
use gangway_model::JobStatus;

#[tokio::test]
async fn f005_a_second_full_read_sends_no_write() {
    let setting = Setting::new().await;
    write_users(setting.folder.path(), &[("A", "x"), ("B", "x")]);
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success, "{}", setting.engine.log());
    assert_eq!(setting.methods(), ["POST", "POST"]);
    setting.relay.clear();
    assert_eq!(setting.api.run("HR").await.unwrap().status, JobStatus::Success);
    assert_eq!(setting.writes().len(), 0);
}
