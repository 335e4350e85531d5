//! Who is told of jobs, and how.

use super::Route;
use crate::api::notifications;

const MAIL_SERVER: &str = "/api/v1/mail-server";
const SUBSCRIPTIONS: &str = "/api/v1/tenants/{tenant}/systems/{system}/subscriptions";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "get",
            SUBSCRIPTIONS,
            "listSubscriptions",
            "Who is told about the jobs of a source",
            notifications::list,
        )
        .answers(200, "SubscriptionList")
        .errors(&[404]),
        Route::new(
            "post",
            SUBSCRIPTIONS,
            "subscribe",
            "Tell somebody about the jobs of a source: by mail (without an address the caller), or a webhook",
            notifications::subscribe,
        )
        .body("NewSubscription")
        .answers(201, "Subscription")
        .errors(&[404, 409, 422]),
        Route::new(
            "delete",
            "/api/v1/tenants/{tenant}/systems/{system}/subscriptions/{subscription}",
            "unsubscribe",
            "Tell somebody no more",
            notifications::unsubscribe,
        )
        .nothing()
        .errors(&[404]),
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/notifications",
            "listNotifications",
            "Messages that wait to be delivered, or were given up",
            notifications::waiting,
        )
        .answers(200, "NotificationList")
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/notifications/retry",
            "retryNotifications",
            "Try all of them now",
            notifications::retry,
        )
        .answers(200, "Retried")
        .errors(&[404]),
        Route::new(
            "get",
            MAIL_SERVER,
            "getMailServer",
            "The server that mail is handed to; the password is masked",
            notifications::server,
        )
        .answers(200, "MailServer")
        .errors(&[404]),
        Route::new(
            "put",
            MAIL_SERVER,
            "setMailServer",
            "Set it; mail that waits is tried at once",
            notifications::set_server,
        )
        .body("MailServer")
        .answers(200, "MailServer")
        .errors(&[422]),
        Route::new("delete", MAIL_SERVER, "removeMailServer", "Send no mail", notifications::remove_server)
            .nothing(),
    ]
}
