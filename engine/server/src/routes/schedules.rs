//! Recurring jobs.

use super::Route;
use crate::api::schedules;

const SCHEDULE: &str = "/api/v1/tenants/{tenant}/systems/{system}/schedule";
const COUNT: &[(&str, &str)] = &[("count", "How many of the next points, 1 to 100; 5 if not given")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "get",
            "/api/v1/tenants/{tenant}/schedules",
            "listSchedules",
            "All recurring jobs",
            schedules::list,
        )
        .query(COUNT)
        .answers(200, "ScheduleList")
        .errors(&[404]),
        Route::new(
            "get",
            SCHEDULE,
            "getSchedule",
            "The recurring job of a source, with its next points",
            schedules::get,
        )
        .query(COUNT)
        .answers(200, "Schedule")
        .errors(&[404]),
        Route::new(
            "put",
            SCHEDULE,
            "replaceSchedule",
            "Save the recurring job of a source. It starts nothing before it is turned on",
            schedules::replace,
        )
        .body("NewSchedule")
        .answers(200, "Schedule")
        .errors(&[404, 422]),
        Route::new(
            "delete",
            SCHEDULE,
            "deleteSchedule",
            "Remove the recurring job of a source",
            schedules::delete,
        )
        .nothing()
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/schedule/on",
            "turnScheduleOn",
            "Start jobs from the next point on",
            schedules::on,
        )
        .answers(200, "Schedule")
        .errors(&[404]),
        Route::new(
            "post",
            "/api/v1/tenants/{tenant}/systems/{system}/schedule/off",
            "turnScheduleOff",
            "Start no more jobs; a running one goes on",
            schedules::off,
        )
        .answers(200, "Schedule")
        .errors(&[404]),
    ]
}
