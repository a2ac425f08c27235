use super::*;

const CLASS: u64 = 1 << 20;
const TICKET: Seed = [7; 32];
const OTHER_TICKET: Seed = [8; 32];
const ROOT: Commitment = [9; 32];

fn identity() -> Identity {
    Identity { genesis: Hash::repeat_byte(1), account: AccountId::new([2; 32]) }
}

fn id(text: &str) -> ReplicaId {
    text.parse().expect("an id")
}

fn duty(replica: &str, task: Task) -> Duty {
    let comm_r = (!matches!(task, Task::Commit { .. } | Task::Repair { .. })).then_some(ROOT);
    Duty { replica: id(replica), comm_d: [3; 32], size: CLASS, ticket: TICKET, comm_r, task }
}

fn audit(deadline: Tick, grace_ends: Tick) -> Task {
    Task::Audit { due: 10, seed: [4; 32], deadline, grace_ends }
}

fn ordered() -> Task {
    Task::Repair { deadline: 50, sources: vec![(AccountId::new([6; 32]), b"there".to_vec())] }
}

/// Two that are not committed yet, and four that are.
fn tasks() -> [Task; 6] {
    [
        ordered(),
        Task::Commit { deadline: 50 },
        Task::AwaitSealCheck,
        Task::ProveSeal { seed: [4; 32], deadline: 50 },
        Task::Keep { due: 60 },
        audit(30, 45),
    ]
}

fn holding(replica: &str, local: Local) -> HashMap<ReplicaId, Held> {
    HashMap::from([(id(replica), Held { comm_d: [3; 32], local })])
}

fn sealed(duty: &Duty) -> Local {
    Local::Sealed(identity().key(duty), ROOT)
}

#[test]
fn a_new_assignment_is_expected() {
    let duty = duty("1/0/0", Task::Commit { deadline: 50 });
    let plan = plan(&identity(), &[duty], &HashMap::new(), 1);
    let expected = Expect {
        replica: id("1/0/0"),
        comm_d: [3; 32],
        class: SizeClass::from_bytes(CLASS).expect("a class"),
        replaces: false,
    };
    assert_eq!(plan, Plan { expect: vec![expected], ..Plan::default() });
}

#[test]
fn data_of_another_deal_under_the_same_id_is_replaced() {
    // A re-org gave the deal's number to another deal.
    let duty = duty("1/0/0", Task::Commit { deadline: 50 });
    let held = HashMap::from([(id("1/0/0"), Held { comm_d: [99; 32], local: sealed(&duty) })]);
    let plan = plan(&identity(), &[duty], &held, 1);
    assert!(plan.expect[0].replaces);
    assert!(plan.commit.is_empty() && plan.seal.is_empty() && plan.lost.is_empty());
}

#[test]
fn an_upload_under_way_is_waited_for() {
    let duty = duty("1/0/0", Task::Commit { deadline: 50 });
    assert_eq!(plan(&identity(), &[duty], &holding("1/0/0", Local::Receiving), 1), Plan::default());
}

#[test]
fn complete_data_is_sealed_for_the_duty_s_key_and_by_its_deadline() {
    let duty = duty("1/0/0", Task::Commit { deadline: 50 });
    let plan = plan(&identity(), std::slice::from_ref(&duty), &holding("1/0/0", Local::Received), 1);
    assert_eq!(plan.seal.len(), 1);
    assert_eq!((plan.seal[0].key, plan.seal[0].deadline), (identity().key(&duty), 50));
}

#[test]
fn a_replica_sealed_for_the_ticket_is_committed() {
    let duty = duty("1/0/0", Task::Commit { deadline: 50 });
    let held = holding("1/0/0", sealed(&duty));
    let plan = plan(&identity(), &[duty], &held, 1);
    assert_eq!(plan.commit, vec![Commit { replica: id("1/0/0"), ticket: TICKET, comm_r: ROOT, sources: None }]);
}

#[test]
fn an_ordered_replica_is_fetched_from_its_sources_then_sealed_and_committed_with_them() {
    let duty = duty("1/0/0", ordered());
    let class = SizeClass::from_bytes(CLASS).expect("a class");
    let Task::Repair { sources, .. } = ordered() else { panic!("a repair") };
    let repair = Repair { replica: duty.replica, ticket: TICKET, class, deadline: 50, sources: Some(sources) };
    let of = |held: HashMap<_, _>| plan(&identity(), std::slice::from_ref(&duty), &held, 1);
    let begun = of(HashMap::new());
    assert_eq!((begun.expect.len(), begun.repair), (1, vec![repair.clone()]));
    assert_eq!(of(holding("1/0/0", Local::Receiving)), Plan { repair: vec![repair], ..Plan::default() });
    assert_eq!(of(holding("1/0/0", Local::Received)).seal[0].deadline, 50);
    let sealed = of(holding("1/0/0", sealed(&duty)));
    let sources = Some(vec![AccountId::new([6; 32])]);
    assert_eq!(sealed.commit, vec![Commit { replica: duty.replica, ticket: TICKET, comm_r: ROOT, sources }]);
}

#[test]
fn a_re_org_that_changes_the_ticket_seals_again_instead_of_committing() {
    let before = duty("1/0/0", Task::Commit { deadline: 50 });
    let after = Duty { ticket: OTHER_TICKET, ..before.clone() };
    let plan = plan(&identity(), std::slice::from_ref(&after), &holding("1/0/0", sealed(&before)), 1);
    assert!(plan.commit.is_empty());
    assert_eq!(plan.seal[0].key, identity().key(&after));
}

#[test]
fn what_is_being_sealed_is_left_alone() {
    for task in tasks() {
        let duty = duty("1/0/0", task);
        let held = holding("1/0/0", Local::Sealing(identity().key(&duty)));
        assert_eq!(plan(&identity(), &[duty], &held, 1), Plan::default());
    }
}

#[test]
fn a_committed_replica_that_is_not_sealed_here_is_sealed_first_of_all() {
    for task in tasks().into_iter().skip(2) {
        let urgent = duty("5/0/0", task);
        let waiting = duty("1/0/0", Task::Commit { deadline: 2 });
        let mut held = holding("5/0/0", Local::Received);
        held.extend(holding("1/0/0", Local::Received));
        let plan = plan(&identity(), &[waiting, urgent], &held, 1);
        assert_eq!(plan.seal[0].replica, id("5/0/0"));
        assert!(plan.lost.is_empty());
    }
}

#[test]
fn a_replica_that_is_gone_or_damaged_is_fetched_first_of_all_and_reported_while_nothing_is_due() {
    for task in tasks().into_iter().skip(2) {
        for local in [None, Some(Local::Receiving), Some(Local::Damaged)] {
            let held = local.map_or_else(HashMap::new, |local| holding("1/0/0", local));
            let plan = plan(&identity(), &[duty("9/0/0", ordered()), duty("1/0/0", task.clone())], &held, 1);
            assert_eq!(plan.lost, vec![id("1/0/0")]);
            let first = &plan.repair[0];
            assert_eq!((first.replica, first.deadline, &first.sources), (id("1/0/0"), 0, &None));
            let expected: Vec<_> = plan.expect.iter().map(|expect| expect.replica).collect();
            assert_eq!(expected.contains(&id("1/0/0")), local.is_none());
            let due = if let Task::Keep { due } = task { Some(due) } else { None };
            assert_eq!(plan.faults.first().map(|fault| fault.due), due);
            assert!(plan.audits.is_empty() && plan.prove_seal.is_empty());
        }
    }
}

#[test]
fn what_rotted_before_its_commitment_is_never_committed() {
    for task in tasks().into_iter().take(2) {
        let plan = plan(&identity(), &[duty("1/0/0", task)], &holding("1/0/0", Local::Damaged), 1);
        assert_eq!((plan.commit.len(), plan.repair.len(), plan.faults.len()), (0, 1, 0));
    }
}

#[test]
fn a_replica_that_is_not_the_committed_one_is_never_proven() {
    for task in tasks().into_iter().skip(2) {
        let duty = Duty { comm_r: Some([66; 32]), ..duty("1/0/0", task) };
        let held = holding("1/0/0", sealed(&duty));
        let plan = plan(&identity(), &[duty], &held, 1);
        assert_eq!(plan, Plan { lost: vec![id("1/0/0")], ..Plan::default() });
    }
}

#[test]
fn a_seal_check_is_answered_when_its_seed_is_there() {
    let wait = duty("1/0/0", Task::AwaitSealCheck);
    let held = holding("1/0/0", sealed(&wait));
    assert_eq!(plan(&identity(), &[wait], &held, 1), Plan::default());
    let check = duty("1/0/0", Task::ProveSeal { seed: [4; 32], deadline: 50 });
    let subject = Subject {
        key: identity().key(&check),
        class: SizeClass::from_bytes(CLASS).expect("a class"),
        comm_d: [3; 32],
        comm_r: ROOT,
    };
    let plan = plan(&identity(), &[check], &held, 1);
    assert_eq!(plan.prove_seal, vec![ProveSeal { replica: id("1/0/0"), subject, seed: [4; 32], deadline: 50 }]);
}

#[test]
fn audits_are_answered_in_the_order_in_which_harm_comes() {
    // 1/0/0 is paid until 30; 2/0/0 is past its window and lost at 20; 3/0/0 is paid until 10, which is now.
    let duties = [duty("1/0/0", audit(30, 45)), duty("2/0/0", audit(5, 20)), duty("3/0/0", audit(10, 25))];
    let held: HashMap<_, _> = duties.iter().map(|d| (d.replica, Held { comm_d: d.comm_d, local: sealed(d) })).collect();
    let plan = plan(&identity(), &duties, &held, 10);
    let order: Vec<_> = plan.audits.iter().map(|a| (a.replica.to_string(), a.harm, a.late)).collect();
    assert_eq!(order, vec![("3/0/0".into(), 10, false), ("2/0/0".into(), 20, true), ("1/0/0".into(), 30, false)]);
}

#[test]
fn a_size_that_is_no_class_is_never_worked_on() {
    let odd = Duty { size: 100, ..duty("1/0/0", Task::Commit { deadline: 50 }) };
    assert_eq!(plan(&identity(), &[odd], &HashMap::new(), 1).lost, vec![id("1/0/0")]);
}

#[test]
fn keys_differ_by_slot_ticket_data_and_provider() {
    let base = duty("1/0/0", Task::AwaitSealCheck);
    let key = identity().key(&base);
    assert_ne!(key, identity().key(&Duty { replica: id("1/0/1"), ..base.clone() }));
    assert_ne!(key, identity().key(&Duty { ticket: OTHER_TICKET, ..base.clone() }));
    assert_ne!(key, identity().key(&Duty { comm_d: [5; 32], ..base.clone() }));
    assert_ne!(key, Identity { account: AccountId::new([3; 32]), ..identity() }.key(&base));
}

fn seal(replica: &str, log: u8, deadline: BlockNumber) -> Seal {
    let class = SizeClass::from_bytes(1 << log).expect("a class");
    Seal { replica: id(replica), key: ReplicaKey([0; 32]), class, deadline }
}

#[test]
fn shards_of_one_size_are_sealed_together_after_the_most_urgent() {
    let waiting = [
        seal("1/0/0", 26, 90),
        seal("2/0/0", 20, 50),
        seal("3/0/0", 26, 80),
        seal("4/0/0", 20, 70),
        seal("5/0/0", 20, 60),
        seal("6/0/0", 20, 95),
        seal("7/0/0", 20, 99),
    ];
    let batch: Vec<_> = next_batch(&waiting).iter().map(|s| s.replica.to_string()).collect();
    assert_eq!(batch, ["2/0/0", "5/0/0", "4/0/0", "6/0/0"]);
    assert!(next_batch(&[]).is_empty());
}

#[test]
fn no_extrinsic_carries_more_answers_than_the_chain_takes() {
    let due: Vec<u32> = (0..70).collect();
    let batches = batches(&due);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), vec![32, 32, 6]);
    assert_eq!(batches.concat(), due);
}

#[test]
fn an_extrinsic_is_handed_in_again_only_after_a_while_or_a_re_org() {
    let mut log = SentLog::default();
    let sent = Sent::Commit(id("1/0/0"), TICKET);
    assert!(log.is_due(&sent, 100));
    log.note(sent, 100, Some(Hash::repeat_byte(1)));
    assert!(!log.is_due(&sent, 100));
    assert!(!log.is_due(&sent, 100 + RESUBMIT_BLOCKS - 1));
    assert!(log.is_due(&sent, 100 + RESUBMIT_BLOCKS));
    assert!(log.is_due(&sent, 99), "the chain went back");
    assert!(log.is_due(&Sent::Commit(id("1/0/0"), OTHER_TICKET), 101), "another ticket is another commitment");
    let other = Sent::ProveSeal(id("1/0/0"), TICKET);
    log.note(other, 101, Some(Hash::repeat_byte(1)));
    assert_eq!(log.earlier([&sent, &other, &Sent::Heartbeat]), vec![Hash::repeat_byte(1)], "each name once");
    log.retain(&HashSet::new());
    assert!(log.is_due(&sent, 101));
}

#[test]
fn what_is_no_duty_is_an_orphan() {
    let kept = duty("1/0/0", Task::Keep { due: 9 });
    let mut held = holding("1/0/0", sealed(&kept));
    held.extend(holding("2/0/0", Local::Receiving));
    assert_eq!(orphans(&[kept], &held), vec![id("2/0/0")]);
}
