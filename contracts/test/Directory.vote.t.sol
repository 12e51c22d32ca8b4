// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Fixture} from "./Fixture.sol";
import {IDirectory} from "../src/interfaces/IDirectory.sol";

/// @notice Applications, administrators' votes and their threshold.
contract DirectoryVoteTest is Fixture {
    Person private first;
    Person private second;
    Person private third;
    Person private pending;
    Person private patient;

    function setUp() public {
        deploy();
        first = register("first", IDirectory.Kind.Administrator);
        second = register("second", IDirectory.Kind.Administrator);
        third = register("third", IDirectory.Kind.Administrator);
        vote(first, second, IDirectory.Decision.Approve, 0);
        vote(first, third, IDirectory.Decision.Approve, 0);
        pending = register("pending", IDirectory.Kind.Doctor);
        submitApplication(pending, "credentials");
        patient = register("patient", IDirectory.Kind.Patient);
    }

    // ---- applications -----------------------------------------------------------------------

    function test_application_is_kept() public {
        vm.expectEmit(address(directory));
        emit IDirectory.Applied(pending.subject, "better");
        submitApplication(pending, "better");
        assertEq(directory.subjectOf(pending.subject).credentialHash, "better");
        assertStatus(pending, IDirectory.Status.Pending);
    }

    function test_rejected_applies_again() public {
        vote(first, pending, IDirectory.Decision.Reject, 3);
        assertStatus(pending, IDirectory.Status.Rejected);
        vm.expectEmit(address(directory));
        emit IDirectory.StatusChanged(pending.subject, IDirectory.Status.Pending, 0);
        submitApplication(pending, "better");
        assertStatus(pending, IDirectory.Status.Pending);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Approved);
    }

    function test_suspended_stays_suspended_with_new_credentials() public {
        vote(first, pending, IDirectory.Decision.Approve, 0);
        suspend(first, pending);
        submitApplication(pending, "better");
        assertStatus(pending, IDirectory.Status.Suspended);
        assertEq(directory.subjectOf(pending.subject).credentialHash, "better");
    }

    /// @dev Else an approved doctor could void the votes of its suspension for ever.
    function test_approved_cannot_replace_credentials() public {
        vote(first, pending, IDirectory.Decision.Approve, 0);
        _threshold(2);
        suspend(first, pending);
        vm.expectRevert(_wrongStatus(pending, IDirectory.Status.Approved));
        vm.prank(pending.device.addr);
        directory.submitApplication("better");
        suspend(second, pending);
        assertStatus(pending, IDirectory.Status.Suspended);
    }

    function test_application_refused() public {
        vm.expectRevert(IDirectory.CredentialMissing.selector);
        vm.prank(pending.device.addr);
        directory.submitApplication(0);
        vm.expectRevert(
            abi.encodeWithSelector(IDirectory.KindCannotApply.selector, IDirectory.Kind.Patient)
        );
        vm.prank(patient.device.addr);
        directory.submitApplication("credentials");
        address gone = removedDevice(pending);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.NotRegistered.selector, gone));
        vm.prank(gone);
        directory.submitApplication("credentials");
        vm.expectRevert(abi.encodeWithSelector(IDirectory.NotRegistered.selector, stranger));
        vm.prank(stranger);
        directory.submitApplication("credentials");
    }

    // ---- decisions --------------------------------------------------------------------------

    function test_every_decision_at_threshold_one() public {
        vm.expectEmit(address(directory));
        emit IDirectory.Voted(pending.subject, first.subject, IDirectory.Decision.Approve, 0, 1);
        vm.expectEmit(address(directory));
        emit IDirectory.StatusChanged(pending.subject, IDirectory.Status.Approved, 0);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        vm.expectEmit(address(directory));
        emit IDirectory.StatusChanged(pending.subject, IDirectory.Status.Suspended, 9);
        vote(second, pending, IDirectory.Decision.Suspend, 9);
        assertFalse(directory.isApproved(pending.subject, IDirectory.Kind.Doctor));
        vm.expectEmit(address(directory));
        emit IDirectory.StatusChanged(pending.subject, IDirectory.Status.Approved, 4);
        vote(third, pending, IDirectory.Decision.Reinstate, 4);
        assertTrue(directory.isApproved(pending.subject, IDirectory.Kind.Doctor));
    }

    function test_root_votes_too() public {
        vm.prank(first.root.addr);
        directory.vote(pending.subject, IDirectory.Decision.Approve, 0, "credentials");
        assertStatus(pending, IDirectory.Status.Approved);
    }

    function test_threshold_of_two_needs_two() public {
        _threshold(2);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Pending);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.AlreadyVoted.selector, first.subject));
        vm.prank(first.root.addr);
        directory.vote(pending.subject, IDirectory.Decision.Approve, 0, "credentials");
        assertStatus(pending, IDirectory.Status.Pending);
        vote(second, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Approved);
    }

    function test_a_later_vote_replaces_the_former() public {
        _threshold(2);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        vote(first, pending, IDirectory.Decision.Reject, 1);
        vote(second, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Pending);
        vote(third, pending, IDirectory.Decision.Reject, 2);
        assertStatus(pending, IDirectory.Status.Rejected);
    }

    function test_votes_die_with_new_credentials() public {
        _threshold(2);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        submitApplication(pending, "forged");
        vote(second, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Pending);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Approved);
    }

    function test_votes_die_when_an_administrator_goes_or_comes() public {
        _threshold(2);
        vote(third, pending, IDirectory.Decision.Approve, 0);
        suspend(first, third);
        suspend(second, third);
        assertStatus(third, IDirectory.Status.Suspended);
        assertEq(directory.administrators(), 2);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Pending);
        vote(first, third, IDirectory.Decision.Reinstate, 0);
        vote(second, third, IDirectory.Decision.Reinstate, 0);
        assertEq(directory.administrators(), 3);
        vote(second, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Pending);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Approved);
    }

    function test_votes_die_with_the_threshold() public {
        _threshold(3);
        vote(first, pending, IDirectory.Decision.Approve, 0);
        vote(second, pending, IDirectory.Decision.Approve, 0);
        _threshold(2);
        vote(third, pending, IDirectory.Decision.Approve, 0);
        assertStatus(pending, IDirectory.Status.Pending);
    }

    /// @dev A vote to suspend from before a reinstatement must not count for the next suspension.
    function test_votes_die_with_each_decision() public {
        vote(first, pending, IDirectory.Decision.Approve, 0);
        _threshold(2);
        suspend(first, pending);
        suspend(second, pending);
        vote(first, pending, IDirectory.Decision.Reinstate, 0);
        vote(third, pending, IDirectory.Decision.Reinstate, 0);
        suspend(first, pending);
        assertStatus(pending, IDirectory.Status.Approved);
    }

    function test_patient_can_be_suspended_and_reinstated() public {
        suspend(first, patient);
        assertStatus(patient, IDirectory.Status.Suspended);
        vote(first, patient, IDirectory.Decision.Reinstate, 0);
        assertStatus(patient, IDirectory.Status.Approved);
    }

    // ---- refused ----------------------------------------------------------------------------

    function test_only_approved_administrators_vote() public {
        Person memory doctor = registerApproved("doctor", IDirectory.Kind.Doctor, first);
        Person memory rejected = register("rejected", IDirectory.Kind.Administrator);
        vote(first, rejected, IDirectory.Decision.Reject, 1);
        Person memory waiting = register("waiting", IDirectory.Kind.Administrator);
        address gone = removedDevice(first);
        suspend(first, third);
        address[9] memory senders = [
            stranger,
            operator.addr,
            gone,
            patient.device.addr,
            pending.device.addr,
            doctor.root.addr,
            rejected.device.addr,
            waiting.root.addr,
            third.device.addr
        ];
        for (uint256 i; i < senders.length; ++i) {
            bytes memory refusal =
                abi.encodeWithSelector(IDirectory.NotAdministrator.selector, senders[i]);
            vm.expectRevert(refusal);
            vm.prank(senders[i]);
            directory.vote(pending.subject, IDirectory.Decision.Approve, 0, "credentials");
            vm.expectRevert(refusal);
            vm.prank(senders[i]);
            directory.voteThreshold(2);
        }
    }

    function test_nobody_votes_on_itself() public {
        vm.expectRevert(abi.encodeWithSelector(IDirectory.OwnVote.selector, first.subject));
        vm.prank(first.device.addr);
        directory.vote(first.subject, IDirectory.Decision.Suspend, 1, 0);
    }

    function test_decisions_need_their_status() public {
        IDirectory.Decision[4] memory decisions = [
            IDirectory.Decision.Approve,
            IDirectory.Decision.Reject,
            IDirectory.Decision.Suspend,
            IDirectory.Decision.Reinstate
        ];
        _onlyPossible(pending, decisions, [true, true, false, false]);
        vote(first, pending, IDirectory.Decision.Reject, 1);
        _onlyPossible(pending, decisions, [false, false, false, false]);
        submitApplication(pending, "better");
        vote(first, pending, IDirectory.Decision.Approve, 0);
        _onlyPossible(pending, decisions, [false, false, true, false]);
        suspend(first, pending);
        _onlyPossible(pending, decisions, [false, false, false, true]);
    }

    function test_approval_needs_credentials_and_refusal_a_reason() public {
        Person memory doctor = register("doctor", IDirectory.Kind.Doctor);
        vm.expectRevert(IDirectory.CredentialMissing.selector);
        vm.prank(first.device.addr);
        directory.vote(doctor.subject, IDirectory.Decision.Approve, 0, 0);
        vm.expectRevert(IDirectory.ReasonMissing.selector);
        vm.prank(first.device.addr);
        directory.vote(pending.subject, IDirectory.Decision.Reject, 0, "credentials");
        vm.expectRevert(IDirectory.ReasonMissing.selector);
        vm.prank(first.device.addr);
        directory.vote(patient.subject, IDirectory.Decision.Suspend, 0, 0);
        vm.expectRevert(IDirectory.DecisionMissing.selector);
        vm.prank(first.device.addr);
        directory.vote(pending.subject, IDirectory.Decision.None, 1, "credentials");
    }

    function test_unknown_subject() public {
        vm.expectRevert(
            abi.encodeWithSelector(IDirectory.UnknownSubject.selector, bytes32("nobody"))
        );
        vm.prank(first.device.addr);
        directory.vote("nobody", IDirectory.Decision.Approve, 0, 0);
    }

    function test_administrators_never_fall_below_the_threshold() public {
        suspend(first, third);
        suspend(first, second);
        assertEq(directory.administrators(), 1);
        vote(first, second, IDirectory.Decision.Reinstate, 0);
        _threshold(2);
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.TooFewAdministrators.selector, 1, 2);
        vm.expectRevert(refusal);
        vm.prank(first.device.addr);
        directory.vote(second.subject, IDirectory.Decision.Suspend, 1, 0);
        assertEq(directory.administrators(), 2);
    }

    /// @dev The last one cannot be suspended: nobody else is there to vote.
    function test_the_last_administrator_stays() public {
        suspend(first, third);
        suspend(first, second);
        address[2] memory senders = [second.device.addr, third.device.addr];
        for (uint256 i; i < senders.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IDirectory.NotAdministrator.selector, senders[i])
            );
            vm.prank(senders[i]);
            directory.vote(first.subject, IDirectory.Decision.Suspend, 1, 0);
        }
    }

    /// @dev Else an applicant could swap its credentials while a vote on the former ones is on its way.
    function test_a_vote_names_the_credentials_it_judges() public {
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.CredentialChanged.selector, bytes32("forged"));
        submitApplication(pending, "forged");
        _refusedVote(pending, IDirectory.Decision.Approve, "credentials", refusal);
        _refusedVote(pending, IDirectory.Decision.Reject, "credentials", refusal);
        _refusedVote(pending, IDirectory.Decision.Approve, 0, refusal);
        assertStatus(pending, IDirectory.Status.Pending);
        vm.prank(first.device.addr);
        directory.vote(pending.subject, IDirectory.Decision.Approve, 0, "forged");
        assertStatus(pending, IDirectory.Status.Approved);
        _refusedVote(pending, IDirectory.Decision.Suspend, "credentials", refusal);
        suspend(first, pending);
        _refusedVote(pending, IDirectory.Decision.Reinstate, "credentials", refusal);
        assertStatus(pending, IDirectory.Status.Suspended);
    }

    function testFuzz_other_credentials_are_refused(bytes32 judged) public {
        vm.assume(judged != 0);
        bytes memory refusal =
            abi.encodeWithSelector(IDirectory.CredentialChanged.selector, bytes32(0));
        Person memory fourth = register("fourth", IDirectory.Kind.Administrator);
        _refusedVote(fourth, IDirectory.Decision.Approve, judged, refusal);
        vote(first, fourth, IDirectory.Decision.Approve, 0);
        assertStatus(fourth, IDirectory.Status.Approved);
    }

    // ---- threshold --------------------------------------------------------------------------

    function test_threshold_changes_by_the_present_threshold() public {
        vm.expectEmit(address(directory));
        emit IDirectory.ThresholdVoted(first.subject, 2, 1);
        vm.expectEmit(address(directory));
        emit IDirectory.ThresholdChanged(2);
        vm.prank(first.device.addr);
        directory.voteThreshold(2);
        assertEq(directory.threshold(), 2);

        vm.prank(first.device.addr);
        directory.voteThreshold(1);
        assertEq(directory.threshold(), 2);
        vm.expectRevert(abi.encodeWithSelector(IDirectory.AlreadyVoted.selector, first.subject));
        vm.prank(first.root.addr);
        directory.voteThreshold(1);
        vm.prank(first.device.addr);
        directory.voteThreshold(3);
        vm.prank(second.device.addr);
        directory.voteThreshold(1);
        assertEq(directory.threshold(), 2, "the first vote for 1 was replaced");
        vm.prank(third.device.addr);
        directory.voteThreshold(1);
        assertEq(directory.threshold(), 1);
    }

    function testFuzz_threshold_in_range(uint8 threshold) public {
        if (threshold == 0 || threshold > 3) {
            vm.expectRevert(
                abi.encodeWithSelector(IDirectory.ThresholdOutOfRange.selector, threshold, 3)
            );
        } else if (threshold == 1) {
            vm.expectRevert(
                abi.encodeWithSelector(IDirectory.ThresholdUnchanged.selector, threshold)
            );
        }
        vm.prank(first.device.addr);
        directory.voteThreshold(threshold);
        assertEq(directory.threshold(), threshold > 1 && threshold < 4 ? threshold : 1);
    }

    // ---- helpers ----------------------------------------------------------------------------

    /// @dev Moves the threshold by as many votes as it takes.
    function _threshold(uint8 threshold) private {
        Person[3] memory all = [first, second, third];
        for (uint256 i; i < all.length && directory.threshold() != threshold; ++i) {
            vm.prank(all[i].device.addr);
            directory.voteThreshold(threshold);
        }
        assertEq(directory.threshold(), threshold);
    }

    function _refusedVote(
        Person memory who,
        IDirectory.Decision decision,
        bytes32 judged,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        vm.prank(first.device.addr);
        directory.vote(who.subject, decision, 1, judged);
    }

    function _wrongStatus(Person memory who, IDirectory.Status status)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IDirectory.WrongStatus.selector, who.subject, status);
    }

    function _onlyPossible(
        Person memory who,
        IDirectory.Decision[4] memory decisions,
        bool[4] memory possible
    ) private {
        IDirectory.Status status = statusOf(who);
        for (uint256 i; i < decisions.length; ++i) {
            uint256 state = vm.snapshotState();
            bytes32 judged = credentialOf(who.subject);
            if (!possible[i]) vm.expectRevert(_wrongStatus(who, status));
            vm.prank(second.device.addr);
            directory.vote(who.subject, decisions[i], 1, judged);
            if (possible[i]) assertTrue(statusOf(who) != status);
            vm.revertToState(state);
        }
    }
}
