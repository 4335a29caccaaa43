use std::collections::BTreeSet;

/// A member of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreMember {
    /// The host that it runs on, written as those of the PostgreSQL members are.
    pub host: String,
    /// Whether it votes.
    pub role: Role,
    /// Whether it answers.
    pub health: Health,
}

/// Whether a member of the store votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It counts for a majority.
    Voter,
    /// It only copies, and helps nobody who needs a majority.
    Learner,
}

/// Whether a member of the store answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Alive,
    /// It does not.
    Silent,
}

/// What the store survives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The members that vote.
    pub voters: usize,
    /// How many of them make a majority.
    pub needed: usize,
    /// How many of them answer.
    pub alive: usize,
    /// How many may be lost when all are well.
    pub tolerance: usize,
    /// What the loss of each single host would do now, by host.
    pub losses: Vec<HostLoss>,
}

/// What the loss of one host does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLoss {
    /// The host.
    pub host: String,
    /// The voters that are lost with it.
    pub voters: usize,
    /// The PostgreSQL members that are lost with it.
    pub servers: usize,
    /// How many voters still answer then.
    pub left: usize,
}

impl HostLoss {
    /// Whether voters and PostgreSQL members are lost together.
    pub fn is_shared(&self) -> bool {
        self.voters > 0 && self.servers > 0
    }
}

impl Verdict {
    /// Whether a majority answers.
    pub fn has_quorum(&self) -> bool {
        self.voters > 0 && self.alive >= self.needed
    }

    /// The hosts whose loss takes the majority away.
    pub fn fatal(&self) -> impl Iterator<Item = &HostLoss> {
        self.losses.iter().filter(|loss| loss.voters > 0 && loss.left < self.needed)
    }

    /// What an operator should know and do; nothing where any one host may be lost.
    pub fn advice(&self) -> Option<String> {
        let Self { voters, alive, .. } = self;
        if !self.has_quorum() {
            return Some(format!("no etcd quorum ({alive}/{voters} alive)"));
        }
        let hosts: Vec<_> = self.fatal().map(|loss| loss.host.as_str()).collect();
        if hosts.is_empty() {
            return None;
        }
        let hosts = hosts.join(" or ");
        Some(format!(
            "etcd has {voters} voters, {alive} alive: losing {hosts} stops automatic failover and \
             makes what is left read-only. Have three or more voters alive, on hosts of their own"
        ))
    }
}

/// Judges a store by its members and the hosts of the PostgreSQL members, one entry a member.
pub fn judge(members: &[StoreMember], servers: &[String]) -> Verdict {
    let voting: Vec<_> = members.iter().filter(|member| member.role == Role::Voter).collect();
    let voters = voting.len();
    let needed = voters / 2 + 1;
    let is_alive = |member: &&&StoreMember| member.health == Health::Alive;
    let hosts: BTreeSet<&String> =
        voting.iter().map(|member| &member.host).chain(servers).collect();
    let loss = |host: &String| HostLoss {
        host: host.clone(),
        voters: voting.iter().filter(|member| member.host == *host).count(),
        servers: servers.iter().filter(|server| *server == host).count(),
        left: voting.iter().filter(is_alive).filter(|member| member.host != *host).count(),
    };
    Verdict {
        voters,
        needed,
        alive: voting.iter().filter(is_alive).count(),
        tolerance: voters.saturating_sub(needed),
        losses: hosts.into_iter().map(loss).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a` is a voter on host a, `A` a silent one there, and `1` a learner on host 1.
    fn members(text: &str) -> Vec<StoreMember> {
        let member = |sign: char| StoreMember {
            host: sign.to_ascii_lowercase().to_string(),
            role: if sign.is_ascii_digit() { Role::Learner } else { Role::Voter },
            health: if sign.is_ascii_uppercase() { Health::Silent } else { Health::Alive },
        };
        text.chars().map(member).collect()
    }

    #[test]
    fn counts_what_may_be_lost() {
        // members, servers, (voters, needed, alive, tolerance), fatal hosts, shared hosts, quorum
        let cases = [
            ("a", "bc", (1, 1, 1, 0), "a", "", true),
            ("ab", "ab", (2, 2, 2, 0), "ab", "ab", true),
            ("ab1", "ab", (2, 2, 2, 0), "ab", "ab", true),
            ("aB", "ab", (2, 2, 1, 0), "ab", "ab", false),
            ("abc", "ab", (3, 2, 3, 1), "", "ab", true),
            ("abC", "ab", (3, 2, 2, 1), "ab", "ab", true),
            ("aab", "ab", (3, 2, 3, 1), "a", "ab", true),
            ("abcde", "xy", (5, 3, 5, 2), "", "", true),
            ("", "a", (0, 1, 0, 0), "", "", false),
        ];
        for (store, servers, counts, fatal, shared, quorum) in cases {
            let servers: Vec<_> = servers.chars().map(String::from).collect();
            let verdict = judge(&members(store), &servers);
            let Verdict { voters, needed, alive, tolerance, .. } = verdict;
            assert_eq!((voters, needed, alive, tolerance), counts, "{store}");
            assert_eq!(verdict.has_quorum(), quorum, "{store}");
            let is_shared = |loss: &&HostLoss| loss.is_shared();
            let together = verdict.losses.iter().filter(is_shared).map(|loss| loss.host.as_str());
            assert_eq!(together.collect::<String>(), shared, "{store}");
            if quorum {
                let found: String = verdict.fatal().map(|loss| loss.host.as_str()).collect();
                assert_eq!(found, fatal, "{store}");
            }
            assert_eq!(verdict.advice().is_none(), quorum && fatal.is_empty(), "{store}");
        }
    }

    #[test]
    fn says_how_many_are_missing() {
        let advice = judge(&members("aB"), &[]).advice();
        assert_eq!(advice.as_deref(), Some("no etcd quorum (1/2 alive)"));
    }
}
