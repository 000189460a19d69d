"""The contract of this project's stores: every part of `store_dynamo.testing`, with the promise that each test proves.

    class TestMoto(EveryStoreContract):
        @pytest.fixture
        def make_store(self, moto_backend):
            return moto_backend.store          # (**options) -> a store: clock, retention, after_read, before_write

Every test has users of its own, so that all tests of a backend can share one table.
"""

from __future__ import annotations

import pytest

from store_dynamo.testing import (
    AccessContract,
    AllowancesContract,
    ApprovalsContract,
    BodiesContract,
    ClaimsContract,
    FenceContract,
    IdLimitsContract,
    IsolationContract,
    JournalContract,
    LifetimeContract,
    MergeContract,
    OrderContract,
    RunningContract,
    StoreContract,
    TurnsContract,
    WritesContract,
)

PROMISES = {
    "S1": (
        IsolationContract.test_another_users_records_do_not_exist,
        IsolationContract.test_saving_another_users_thread_id_makes_a_new_thread,
        IsolationContract.test_a_loaded_model_saved_by_another_user_is_that_users,
        IsolationContract.test_no_id_forges_another_users_key,
        IsolationContract.test_hostile_ids_stay_apart,
        IsolationContract.test_another_users_thread_is_not_a_cursor,
        IdLimitsContract.test_a_context_without_a_user_is_refused,
        IdLimitsContract.test_an_id_no_key_can_hold_is_a_clear_error,
        IdLimitsContract.test_the_longest_ids_fit,
    ),
    "S2": (
        StoreContract.test_items_come_in_the_order_of_their_times,
        StoreContract.test_pages_have_every_item_once_whatever_their_times,
        StoreContract.test_threads_come_in_the_order_of_their_times,
        StoreContract.test_save_item_replaces_an_item_in_its_place,
        OrderContract.test_naive_and_aware_times_are_ordered_together,
        OrderContract.test_pages_keep_equal_timestamps,
        OrderContract.test_many_items_of_one_moment_come_once_each,
        OrderContract.test_an_update_keeps_the_place,
        OrderContract.test_items_written_and_removed_between_pages_move_no_other,
        OrderContract.test_threads_come_in_order,
    ),
    "S3": (
        StoreContract.test_has_more_is_exact,
        StoreContract.test_after_is_the_last_id_and_none_on_the_last_page,
        OrderContract.test_a_page_of_nothing_is_the_last,
        OrderContract.test_an_unknown_order_is_refused,
    ),
    "S4": (
        WritesContract.test_the_same_item_again_is_a_retry,
        WritesContract.test_another_item_of_the_same_id_is_refused,
        WritesContract.test_one_id_in_two_threads_is_two_items,
        WritesContract.test_two_adders_of_one_id_and_only_one_wins,
        WritesContract.test_a_workflow_added_again_replaces_itself_in_its_place,
        WritesContract.test_save_item_writes_new_ones_too,
    ),
    "S5": (
        StoreContract.test_the_page_behind_the_last_item_is_empty,
        StoreContract.test_missing_things_raise_not_found,
        StoreContract.test_deleted_things_are_gone,
        OrderContract.test_an_unknown_cursor_is_not_found,
        WritesContract.test_deleting_twice_is_allowed,
    ),
    "S6": (
        StoreContract.test_every_item_comes_back_as_it_was,
        StoreContract.test_times_stay_naive_or_aware,
        StoreContract.test_thread_fields_come_back,
        StoreContract.test_a_thread_saved_again_is_updated_in_its_place,
        StoreContract.test_attachments_come_back,
        BodiesContract.test_template_widgets_come_back_as_they_were,
        BodiesContract.test_items_of_a_whole_thread_are_not_kept_with_it,
        BodiesContract.test_titles_end_after_200_characters,
        BodiesContract.test_upload_descriptors_are_never_kept,
        BodiesContract.test_hooks_run_before_each_write_and_after_each_read,
    ),
    "S7": (
        BodiesContract.test_items_of_any_size_come_back,
        BodiesContract.test_a_page_of_more_than_a_megabyte_is_whole,
        BodiesContract.test_a_body_may_grow_and_shrink,
    ),
    "S8": (
        LifetimeContract.test_a_deleted_thread_is_nowhere,
        LifetimeContract.test_a_thread_deleted_while_a_turn_writes_stays_deleted,
    ),
    "S10": (
        LifetimeContract.test_a_thread_expires_after_its_last_message,
        LifetimeContract.test_pages_of_threads_are_full_among_expired_ones,
        LifetimeContract.test_without_retention_nothing_expires,
    ),
    "S11": (
        StoreContract.test_generated_ids_are_unique,
        WritesContract.test_ids_sort_by_time_and_cannot_be_guessed,
    ),
    "S12": (
        MergeContract.test_a_rename_and_a_running_turn_both_survive,
        MergeContract.test_a_turn_survives_a_rename_begun_before_it_saved,
        MergeContract.test_a_title_set_by_a_turn_does_not_replace_a_later_rename,
        MergeContract.test_an_automatic_title_never_replaces_a_users,
        MergeContract.test_an_automatic_title_is_set_and_may_be_improved,
        MergeContract.test_a_user_may_rename_again_and_clear,
        MergeContract.test_a_thread_that_was_not_loaded_is_saved_as_it_is,
        MergeContract.test_many_writers_of_one_thread_lose_nothing,
        MergeContract.test_a_missing_or_foreign_thread_does_not_get_a_title,
    ),
    "A3": (
        ClaimsContract.test_an_attachment_is_claimed_by_one_turn,
        ClaimsContract.test_an_attachment_of_a_message_cannot_be_claimed,
        ClaimsContract.test_a_missing_or_foreign_attachment_cannot_be_claimed,
    ),
    "A6": (
        ClaimsContract.test_an_attachment_expires_until_it_has_a_thread,
        ClaimsContract.test_only_an_unclaimed_attachment_is_deleted,
        ClaimsContract.test_another_users_attachment_is_not_deleted,
        ClaimsContract.test_of_a_claim_and_a_deletion_at_once_one_succeeds,
    ),
    "H7": (
        AccessContract.test_a_rate_is_a_bucket_that_refills,
        AccessContract.test_of_many_requests_at_once_as_many_as_allowed_enter,
        AccessContract.test_seats_are_limited_and_given_back,
        AccessContract.test_the_seats_of_a_dead_process_expire,
        AccessContract.test_a_refused_entry_changes_nothing,
        AccessContract.test_leases_count_the_turns_of_all_until_they_expire,
        AccessContract.test_leaving_before_entering_is_harmless,
    ),
    "R4": (
        RunningContract.test_a_thread_has_one_turn_at_a_time,
        RunningContract.test_of_many_turns_at_once_one_begins,
        RunningContract.test_only_its_claim_renews_and_ends_a_lock,
        RunningContract.test_a_silent_turn_loses_its_lock,
        RunningContract.test_an_ended_lock_is_not_revived,
        RunningContract.test_a_late_beat_saves_a_turn_from_a_takeover,
        RunningContract.test_a_living_turn_is_not_condemned,
        RunningContract.test_a_condemned_turn_has_no_lock_left,
        RunningContract.test_of_a_beat_and_takers_at_once_one_side_wins,
        RunningContract.test_a_lock_that_is_gone_or_anothers_is_not_condemned,
        FenceContract.test_a_fenced_turn_writes_no_items,
        FenceContract.test_a_turn_that_is_not_fenced_writes_as_ever,
        FenceContract.test_a_fence_is_for_one_claim_in_one_thread_of_one_user,
        FenceContract.test_a_fence_survives_changes_of_its_thread,
        FenceContract.test_a_fenced_turn_still_reads,
        FenceContract.test_a_fenced_turn_cannot_create_its_thread,
        RunningContract.test_all_locks_are_found_at_once,
        TurnsContract.test_a_turn_that_did_not_store_its_message_is_remembered,
        FenceContract.test_a_missing_or_deleted_thread_is_not_found,
        RunningContract.test_a_lock_has_its_files,
        RunningContract.test_random_turns_takers_and_clocks_agree_with_a_model,
        JournalContract.test_segments_come_back_in_order,
        JournalContract.test_a_journal_begins_empty,
        JournalContract.test_a_reader_continues_at_any_event,
        JournalContract.test_the_same_segment_again_is_a_retry,
        JournalContract.test_a_different_segment_of_a_claim_at_a_place_is_refused,
        JournalContract.test_an_impossible_segment_is_refused,
        JournalContract.test_another_claim_cannot_write_at_a_place,
        JournalContract.test_of_many_writers_at_one_place_one_writes,
        JournalContract.test_random_producers_takers_and_readers_agree,
        TurnsContract.test_each_client_tool_call_is_won_once,
        TurnsContract.test_a_claimed_turn_is_found_by_its_user,
        TurnsContract.test_a_call_of_an_unknown_turn_cannot_be_won,
        TurnsContract.test_a_turn_has_a_bounded_number_of_calls,
    ),
    "R5": (
        JournalContract.test_a_journal_is_unreadable_after_an_hour,
        JournalContract.test_turns_of_similar_ids_threads_and_users_stay_apart,
        JournalContract.test_an_id_no_key_can_hold_is_refused,
    ),
    "P1": (
        ApprovalsContract.test_a_decision_is_on_what_was_shown_and_in_time,
        ApprovalsContract.test_a_decision_needs_its_card_thread_and_user,
    ),
    "P5": (
        AllowancesContract.test_an_allowance_exists_only_with_the_decision_that_grants_it,
        AllowancesContract.test_a_covered_call_begins_once_and_names_its_allowance,
        AllowancesContract.test_no_call_begins_after_its_allowance_was_revoked,
        AllowancesContract.test_an_allowance_covers_no_other_user_and_no_other_tool,
        AllowancesContract.test_an_allowance_ends_at_its_time,
        AllowancesContract.test_a_covered_call_needs_a_living_thread,
        AllowancesContract.test_an_allowance_is_kept_no_longer_than_the_retention,
        AllowancesContract.test_bounds_are_bounded,
    ),
    "P2": (
        ApprovalsContract.test_of_many_decisions_at_once_one_counts,
        ApprovalsContract.test_a_tool_is_started_once_by_the_turn_that_decided,
        ApprovalsContract.test_a_turn_that_was_taken_over_starts_nothing,
        ApprovalsContract.test_the_outcome_of_a_dead_turn_is_unknown_until_it_reports,
    ),
    "P3": (
        ApprovalsContract.test_calls_come_back_as_they_were_asked,
        ApprovalsContract.test_a_call_needs_a_living_thread,
        ApprovalsContract.test_a_call_expires_only_after_its_time,
    ),
    "P4": (
        ApprovalsContract.test_a_decision_is_recorded,
        ApprovalsContract.test_an_outcome_is_recorded_by_the_turn_that_decided,
    ),
    "H12": (
        AccessContract.test_earlier_sign_ins_end_at_once,
        AccessContract.test_a_check_counts_nothing,
        AccessContract.test_a_tombstone_outlives_requests_and_sign_outs,
    ),
    "H15": (ClaimsContract.test_deletion_of_what_existed_is_reported_once,),
}
"""The promises of docs/understand/architecture.md. The library's own tests do not carry the labels of this project."""

for label, tests in PROMISES.items():
    for test in tests:
        pytest.mark.promise(label)(test)


@pytest.mark.feature("store")
@pytest.mark.feature("own-ids")
@pytest.mark.feature("isolation")
@pytest.mark.feature("thread-metadata")
class EveryStoreContract(
    StoreContract,
    BodiesContract,
    IsolationContract,
    IdLimitsContract,
    OrderContract,
    WritesContract,
    MergeContract,
    LifetimeContract,
    ClaimsContract,
    RunningContract,
    TurnsContract,
    JournalContract,
    FenceContract,
    ApprovalsContract,
    AllowancesContract,
    AccessContract,
):
    """All parts in one class."""
