//! The mistakes that stores have been seen to make.

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// A write asks for the fence only.
    ForgetsTheOwner,
    /// A write asks for the owner only.
    ForgetsTheFence,
    /// A write asks for the state only.
    ForgetsTheLease,
    /// A write without a row makes one.
    WritesWithoutARow,
    /// A release deletes the row.
    ReleaseDeletes,
    /// Whoever asks says what time it is.
    CallersClock,
    /// Keys are compared as a table of a common collation does.
    IgnoresCase,
    /// The same, for spaces at the end.
    IgnoresTrailingSpaces,
    /// The parts of an id are joined with a colon.
    JoinsParts,
    /// The principal is not looked at.
    ForgetsThePrincipal,
    /// A column is as wide as most keys are.
    TruncatesKeys,
    /// A column is as wide as most results are.
    TruncatesBodies,
    /// A column holds one byte a character.
    StepsAreLatin,
    /// Nothing is remembered for longer than the lease.
    LeaseIsTtl,
    /// A claim after the end of the lifetime begins to count anew.
    FenceResets,
    /// A takeover keeps the fence.
    TakeoverKeepsTheFence,
    /// The reaper looks at nothing but the age.
    ReapsByAge,
    /// The reaper takes what has not been touched for a day.
    ReapsTheLiving,
    /// The reaper takes all that it finds.
    ReapsWithoutLimit,
    /// A later result replaces the first.
    CompletesTwice,
    /// The state is looked at before the payload.
    StateBeforePayload,
    /// The payload is not looked at.
    ForgetsThePayload,
    /// The payload that was refused is the record's from then on.
    KeepsTheOtherPayload,
    /// Every claim is said to be a takeover.
    AlwaysSaysTakenOver,
    /// A second claimant is told to come back when the key has gone.
    TellsTheLifetime,
    /// The payload is not looked at once the lease is over.
    PayloadOnlyWithinTheLease,
    /// A claimant that lost the answer is a second one.
    RepeatIsRefused,
    /// A claim that is repeated does not hold any longer for that.
    RepeatDoesNotHold,
    /// A renewal is for its length, though that is shorter.
    RenewalShortens,
    /// A renewal answers, and that is all.
    RenewalDoesNothing,
    /// A late end is refused, though nobody has taken over.
    LateIsRefused,
    /// What became indeterminate is not its owner's to end.
    IndeterminateIsLost,
    /// What has lapsed is taken over by whoever comes.
    AlwaysTakesOver,
    /// What has lapsed is said to be in flight for ever.
    NeverLapses,
    /// Any record is resolved.
    ResolvesAnything,
    /// What has lapsed cannot be resolved before somebody has asked for it.
    ResolvesOnlyWhatIsMarked,
    /// What took long to find out is not kept for that.
    ResolvesForTheTimeOfTheClaim,
    /// Whoever completes what is completed is told that it is written, whatever was.
    AnyEndIsTheSame,
    /// Whoever claims anew what is over is bound to the payload that it had.
    KeepsTheFormerPayload,
    /// A point that was reached in the former life of a key is told in the next one.
    StepOutlivesTheKey,
    /// The lifetimes begin when it is completed.
    LivesFromItsEnd,
    /// The lifetimes go on from the first claim.
    TakeoverKeepsTheLifetime,
    /// Who is turned away holds the lease for who has it.
    DuplicatesHold,
    /// The latest owner is granted it, whatever came of it.
    OwnersRunAgain,
    /// An unknown end is a release.
    UnknownIsReleased,
    /// An omitted body is an empty one.
    OmittedIsEmpty,
    /// A status is a byte.
    StatusIsAByte,
    /// The result goes only with its key.
    ResultKeepsForTheKey,
    /// A fenced writer is not told what came of it.
    FencedIsToldNothing,
    /// A fenced writer is told what came of it, whatever it was for.
    FencedIsToldAnything,
    /// What took longer than its result was to be kept is not kept for that.
    FadesBeforeItsEnd,
    /// What is over is a claim's that comes, with the payload it had.
    PayloadOutlivesTheKey,
    /// A look, and a write with others in between.
    LooksThenWrites,
    /// A transaction writes at once.
    WritesBeforeCommit,
    /// What a transaction has claimed is free for others.
    TransactionsOverlap,
    /// A commit forgets the result.
    CommitsTheClaimOnly,
}
