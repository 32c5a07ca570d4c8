//! The contract of the bus (crate docs of paramedic-bus), run against every backend. The list of cases is in [`suite!`] alone.

mod backend;
mod cases;

/// Runs every case on a backend, each on its own empty bus.
macro_rules! suite {
    ($module:ident, $backend:ty) => {
        suite!(@cases $module, $backend,
            append: [
                sequences_start_at_one_and_have_no_gaps,
                messages_appended_together_come_one_after_the_other,
                of_many_that_append_together_on_one_expectation_one_wins,
                what_cannot_be_appended_together_is_refused,
                what_was_appended_is_read_back,
                a_message_of_the_largest_size_is_kept,
                an_expectation_on_a_subject_is_checked,
                an_expectation_over_a_wildcard_is_checked,
                of_racing_appends_with_one_expectation_one_wins,
                a_repeated_message_id_is_stored_once,
                a_retried_append_with_an_expectation_is_stored_once,
                a_message_id_is_forgotten_after_the_window,
                wrong_requests_are_refused_as_invalid,
                a_stream_is_ensured_again_only_with_the_same_subjects,
            ],
            replay: [
                replay_from_the_beginning_a_sequence_and_a_time,
                replay_follows_filters,
                replay_sees_every_acknowledged_append,
            ],
            follow: [
                following_goes_from_the_past_to_the_present_without_a_gap,
                following_starts_after_a_sequence_and_obeys_its_filter,
                two_followers_see_the_same,
                following_goes_on_after_an_outage,
                whoever_follows_a_closed_bus_is_told,
            ],
            leader: [
                of_several_one_leads_and_another_takes_over,
                an_office_that_was_given_up_is_sought_again,
            ],
            consume: [
                acknowledged_messages_do_not_come_back,
                next_waits_for_a_message,
                a_nak_comes_back_after_its_delay,
                an_unsettled_delivery_comes_back_after_the_ack_wait,
                in_progress_restarts_the_ack_wait,
                a_terminated_message_does_not_come_back,
                a_message_is_given_up_after_max_deliver,
                a_naked_message_is_given_up_after_max_deliver,
                competing_consumers_share_without_doubling,
                max_ack_pending_bounds_what_is_in_hand,
                filters_select_what_is_delivered,
                a_new_consumer_obeys_its_start,
                a_dropped_next_loses_nothing,
            ],
            poison: [
                a_message_whose_handler_asks_for_time_is_never_given_up,
                a_message_that_panics_again_and_again_is_kept_as_a_dead_letter,
                a_message_that_ends_in_no_verdict_is_kept_as_a_dead_letter,
                a_dead_letter_is_listed_and_handled_again_on_request,
            ],
            kv: [
                revisions_guard_writes,
                a_deleted_key_can_be_created_again,
                keys_lists_the_live_ones,
                a_watch_sees_the_present_then_the_changes,
                entries_expire_and_watchers_see_it,
                of_racing_creates_one_wins,
            ],
            blobs: [
                a_large_blob_comes_back,
            ],
            restart: [
                messages_and_revisions_survive,
                positions_and_attempts_survive,
                a_nak_delay_survives,
                handles_work_on_after_an_outage,
                acknowledged_appends_survive_an_outage,
                a_closed_bus_says_so,
            ],
        );
    };
    (@cases $module:ident, $backend:ty, $($room:ident: [$($case:ident,)+],)+) => {
        mod $module {
            use crate::{backend::{self, Backend}, cases};
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let mut backend = <$backend as Backend>::start().await;
                    cases::$room::$case(&mut backend).await;
                }
            )+)+
        }
    };
}

suite!(embedded, backend::Embedded);
suite!(jetstream, backend::JetStream);
