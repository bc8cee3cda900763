"""How the facts of a claim are put, split by split: cover, notice, amounts, exclusions, signs of fraud, papers, and asides."""

from app.domains.claims_language import Pool
from app.domains.claims_rules import ClaimType, Exclusion, Sign

# ---- Cover. {n} is a span of days, {w} the waiting period in days, {year} and {incepted} its start.

COVERED = Pool(
    train=(
        "[policy|cover] in force since {year}",
        "cover since {year}, [premium paid|all paid|no gap]",
        "policy active, [started|dates from] {incepted}",
        "[insured|customer] with us since {year}",
        "policy effective {incepted}, paid up",
        "[in force|continuous cover] from {incepted} with no gap",
        "policy of {incepted}, [current|paid]",
    ),
    validation=("with us since {year}, no gaps", "cover runs from {incepted}, all paid"),
    test=(
        "customer since {year}, cover current",
        "policy dates from {incepted} and is paid",
        "covered continuously since {year}",
        "policyholder from {incepted}, no gap in cover",
        "cover current, first policy in {year}",
    ),
)
LAPSED = Pool(
    train=(
        "policy [lapsed|stopped|was terminated] for non payment {n} before the loss",
        "cover was cancelled {n} [earlier|before the event] and not reinstated",
        "[premium|renewal] unpaid, cover ended {n} before [the loss|it happened]",
        "policy expired {n} before date of loss, [not|never] renewed",
        "no cover at date of loss, policy [ended|ran out] {n} before",
        "[policy|account] no longer active, [cancelled|terminated] {n} [before|ahead of] the loss",
    ),
    validation=("policy stopped {n} before the loss and was not taken up again", "renewal not paid, cover gone {n} before"),
    test=(
        "policy was terminated {n} ahead of this, premium unpaid",
        "cover ran out {n} before this happened and nobody renewed it",
        "account cancelled for unpaid premium {n} before the event",
        "at the loss the policy had been expired for {n}",
        "cover fell away {n} before, premium not paid",
    ),
)
TOO_EARLY = Pool(
    train=(
        "loss came {n} before the policy [began|was signed]",
        "cover only [started|began] {n} after the [loss|event]",
        "policy [bought|taken out] {n} after [date of loss|it happened]",
    ),
    validation=("cover was taken out {n} after it happened",),
    test=("the policy was signed {n} after the event", "it happened {n} before cover started"),
)
REINSTATED = Pool(
    train=(
        "policy lapsed in {month} but was reinstated {n} before the [loss|event]",
        "cover [cancelled|stopped] in {month}, back in force {n} before [the loss|it happened]",
        "[missed|unpaid] premium in {month}, paid, cover [restored|active again] {n} before date of loss",
        "lapse in {month} [cured|repaired], policy put back {n} before the loss",
    ),
    validation=("policy ended in {month} and was put back {n} before the loss",),
    test=(
        "an unpaid premium stopped cover in {month}, reinstated {n} before the event",
        "lapse in {month} cured, cover again active {n} ahead of the loss",
    ),
)
YOUNG = Pool(
    train=(
        "policy {n} old at the loss, waiting period {w} days",
        "cover began {n} before [the loss|it happened], {w} day wait",
        "new policy, {n} since [inception|the start], waiting period is {w} days",
        "[started|bought] {n} earlier, {w} day waiting period on this peril",
        "waiting period {w} days, policy [was|had run] {n}",
        "loss {n} [after inception|into the policy], the wait is {w} days",
    ),
    validation=("policy began {n} before, wait here is {w} days", "waiting period of {w} days, cover was {n} old"),
    test=(
        "policy had run {n} when it happened, waiting period {w} days",
        "bought {n} before the loss, {w} days waiting period",
        "the wait is {w} days, loss came {n} after inception",
        "cover {n} old at the time, wait of {w} days",
    ),
)
WAITING_SAID = Pool(
    train=(
        "loss {n} after inception, [inside|within|still in] the {w} day waiting period",
        "policy {n} old, {w} day waiting period [still running|not served]",
    ),
    validation=("only {n} of cover, not yet through the {w} day wait",),
    test=("still within the {w} day waiting period, policy {n} old", "cover {n} old, so the {w} day wait was not served"),
)
WAITED_SAID = Pool(
    train=(
        "loss {n} after inception, so the {w} day waiting period was [over|served]",
        "policy {n} old, [past|beyond|after] the {w} day waiting period",
    ),
    validation=("{n} of cover, the {w} day wait had ended",),
    test=("{w} day waiting period served, policy {n} old", "cover {n} old, beyond the {w} day wait"),
)

# ---- Notice. {n} is the span from loss to report; the dates are written when they tell the same.

NOTICE = Pool(
    train=(
        "reported {n} after [the loss|the event]",
        "first call came {n} [later|on]",
        "notice {n} after date of loss",
        "claim [made|came in] {n} after it happened",
        "we were told {n} later",
        "[told|called] us {n} after",
    ),
    validation=("call received {n} after the event", "claim form came {n} on"),
    test=(
        "told us {n} after the event",
        "came to us {n} after it happened",
        "loss notice {n} on",
        "{n} passed before we heard of it",
        "we heard of it {n} after the loss",
    ),
)
SAME_DAY = Pool(
    train=(
        "reported the [same|very] day",
        "called in [at once|straight away]",
        "[notice|phoned] on the day of loss",
    ),
    validation=("called us that very day",),
    test=("told us on the day itself", "phoned it in straight away"),
)
NOTICE_DATES = Pool(
    train=("date of loss {occurred}, reported {reported}", "happened {occurred}, notice {reported}"),
    validation=("loss {occurred}, call {reported}",),
    test=("event of {occurred}, told us {reported}",),
)
NO_REASON = Pool(
    train=(
        "no [reason|excuse] given for the delay",
        "says he forgot to call",
        "delay not explained",
        "was too busy to call, he says",
        "just waited, [no excuse|does not say why]",
    ),
    validation=("could not say why it took so long",),
    test=(
        "has no excuse for waiting",
        "just did not get round to it",
        "does not say why he waited",
    ),
)
REASON = Pool(
    train=(
        "delay because insured was in [hospital|intensive care], papers on file",
        "was abroad without contact, travel documents seen",
        "late because of a death in the family, certificate on file",
        "in a coma after the event, doctor's letter on file",
        "[deployed|on duty] overseas, [orders|letter] seen",
        "[reason|delay] proven, [hospital letter|orders] on file",
    ),
    validation=("laid up in hospital till then, letter seen",),
    test=(
        "reason proven, insured was in intensive care",
        "insured was deployed overseas, military orders on file",
        "stroke kept insured from calling, hospital papers seen",
        "excused, was at sea for months, ship's letter on file",
    ),
)
IN_TIME = Pool(
    train=("within the 30 days", "notice in time"),
    validation=("so in time",),
    test=("inside the 30 days allowed",),
)

# ---- Amounts

AMOUNTS = Pool(
    train=(
        "[estimate|cost|bill] {amount}, limit {limit}, deductible {deductible}",
        "[claims|wants] {amount}, limit {limit}, deductible {deductible}",
        "[total|net] loss {amount}, deductible {deductible}, limit {limit}",
        "limit {limit}, deductible {deductible}, [estimate|cost|loss] {amount}",
        "[amount|cost] {amount} on a {limit} limit, deductible {deductible}",
        "loss put at {amount}, deductible [is|of] {deductible}, limit [is|of] {limit}",
    ),
    validation=(
        "asks for {amount}, limit {limit}, deductible {deductible}",
        "deductible {deductible}, limit {limit}, loss {amount}",
    ),
    test=(
        "it comes to {amount}, limit {limit}, deductible {deductible}",
        "wants {amount}, deductible is {deductible}, limit is {limit}",
        "limit of {limit}, deductible of {deductible}, bill {amount}",
        "quote for {amount}, deductible {deductible} and limit {limit}",
        "deductible {deductible}, limit {limit}, claimed {amount}",
    ),
)
OVER_LIMIT_SAID = Pool(
    train=(
        "estimate {amount} is [over|above|past] the limit of {limit}, deductible {deductible}",
        "claims {amount}, [exceeds|more than] the {limit} limit, deductible {deductible}",
        "[bill|cost] of {amount} [goes over|is higher than] limit {limit}, deductible {deductible}",
    ),
    validation=("{amount} asked, more than the {limit} limit, deductible {deductible}",),
    test=(
        "bill of {amount} goes past the {limit} limit, deductible {deductible}",
        "{amount} is above limit {limit}, deductible {deductible}",
    ),
)
OVER_AUTHORITY_SAID = Pool(
    train=(
        "estimate {amount} is [above|beyond|past] my 20,000 authority, limit {limit}, deductible {deductible}",
        "[claims|bill of] {amount}, limit {limit}, deductible {deductible}, more than I may sign",
        "cost {amount} is over desk authority, limit {limit}, deductible {deductible}",
    ),
    validation=("{amount} is past my authority, limit {limit}, deductible {deductible}",),
    test=("bill of {amount} is beyond desk authority, limit {limit}, deductible {deductible}",),
)
BELOW_SAID = Pool(
    train=(
        "estimate {amount} is [below|less than] the {deductible} deductible, limit {limit}",
        "[loss|cost] {amount}, under the deductible of {deductible}, limit {limit}",
        "[bill|loss] of {amount} does not reach the {deductible} deductible, limit {limit}",
    ),
    validation=("{amount} does not reach the {deductible} deductible, limit {limit}",),
    test=("cost of {amount} is less than the {deductible} deductible, limit {limit}",),
)

# ---- Exclusions: they apply, are bought back, or are ruled out.

EXCLUDED: dict[Exclusion, Pool] = {
    "wear": Pool(
        train=(
            "expert: due to [years|long years] of wear and [rot|decay]",
            "long term wear, [never maintained|upkeep neglected]",
            "cause is [gradual|slow] decay, old and worn parts",
            "inspection shows [age|wear], no upkeep for years",
        ),
        validation=("worn out over many years, says the expert",),
        test=("inspection shows age and wear, upkeep neglected", "slow decay over years is the cause"),
    ),
    "deliberate": Pool(
        train=(
            "insured's own [son|brother|wife] did it [on purpose|deliberately]",
            "insured [admits|told us] he did it deliberately",
            "done on purpose by a member of the household",
            "[caused|done] with intent by the insured",
        ),
        validation=("the insured's wife caused it on purpose",),
        test=("insured's brother, same household, did it deliberately", "insured caused it with intent, as he told us"),
    ),
    "business use": Pool(
        train=(
            "happened in [business|commercial] use, [private|personal] policy",
            "was used for paid deliveries at the time",
            "used for his trade, private cover only",
            "was [working|driving] for pay, policy is private",
        ),
        validation=("on a paid job at the time, private cover",),
        test=("commercial use at the time on a personal policy", "was working for pay then, policy is private"),
    ),
    "unoccupied": Pool(
        train=(
            "[house|property] stood empty for [4|5|6] months before the loss",
            "home [unoccupied|vacant] for [90|100] days",
            "[nobody|no one] had lived [there|in the house] for half a year",
        ),
        validation=("place vacant for 3 months",),
        test=("property was vacant for 5 months", "no one lived in the house for over 100 days"),
    ),
    "alcohol": Pool(
        train=(
            "insured was drunk, [blood test|test] 1.4",
            "insured under the influence of alcohol",
            "insured had been drinking, over the legal level",
            "insured [intoxicated|drunk], says the police",
        ),
        validation=("insured failed the breath test",),
        test=("blood test shows insured was drunk", "insured intoxicated, alcohol over the legal level"),
    ),
    "known before": Pool(
        train=(
            "insured knew of the [problem|trouble] before [he bought cover|the policy began]",
            "same [trouble|problem] was known [before|prior to] inception",
            "[known|aware of it] before the policy, insured did nothing",
        ),
        validation=("problem was there before cover, insured knew",),
        test=("insured was aware of this before the policy began", "the trouble was known to insured prior to inception"),
    ),
}
ENDORSED = Pool(
    train=(
        "but endorsement on file [covers|includes] that",
        "exclusion bought back by endorsement",
        "extra cover for this was bought, so [included|covered]",
        "[yet|however] [covered by|included under] an endorsement",
    ),
    validation=("an endorsement takes that back in",),
    test=(
        "however an endorsement includes it",
        "yet covered, endorsement bought for this",
        "but the policy carries an endorsement for it",
    ),
)
RULED_OUT: dict[Exclusion, Pool] = {
    "wear": Pool(
        train=(
            "no wear or decay found",
            "[expert|inspection] rules out wear",
            "wear was [checked|looked into], none",
        ),
        validation=("not worn, says the expert",),
        test=("inspection finds no wear", "wear was checked and excluded as cause"),
    ),
    "deliberate": Pool(
        train=(
            "not done on purpose by the [household|family]",
            "household intent ruled out",
            "[nothing deliberate|no intent] by insured",
        ),
        validation=("no intent by anyone at home",),
        test=("nothing deliberate by insured or family", "intent by the household checked and ruled out"),
    ),
    "business use": Pool(
        train=(
            "private use, no [business|commercial] use",
            "business use [ruled out|checked, none]",
            "[purely|only] private, not for pay",
        ),
        validation=("not on a job at the time",),
        test=("no commercial use, purely private", "use for pay was checked, none"),
    ),
    "unoccupied": Pool(
        train=(
            "home was lived in, empty only a week",
            "[occupied|people living there] at the time",
            "not vacant, [tenants|owner] in",
        ),
        validation=("not vacant, family at home",),
        test=("property not vacant, tenants in", "people lived in the house throughout"),
    ),
    "alcohol": Pool(
        train=(
            "insured sober, test 0.0",
            "no alcohol involved",
            "[blood|breath] test clear, not drunk",
        ),
        validation=("breath test of insured clear",),
        test=("blood test clear, insured not drunk", "alcohol was checked, none"),
    ),
    "known before": Pool(
        train=(
            "not known [before|prior to] inception",
            "no sign insured knew before",
            "insured had no knowledge of it [before|then]",
        ),
        validation=("problem was new to insured",),
        test=("insured had no knowledge before the policy", "nothing known prior to inception"),
    ),
}
EXCLUSIONS_OF: dict[ClaimType, tuple[Exclusion, ...]] = {
    "water damage": ("wear", "unoccupied", "known before", "business use"),
    "flood": ("unoccupied", "known before", "business use"),
    "fire": ("wear", "deliberate", "unoccupied", "alcohol", "business use"),
    "windstorm": ("wear", "unoccupied", "known before"),
    "theft": ("unoccupied", "business use", "deliberate"),
    "vandalism": ("deliberate", "unoccupied", "business use"),
    "vehicle collision": ("alcohol", "business use", "deliberate", "wear"),
    "animal strike": ("alcohol", "business use"),
    "third-party injury": ("deliberate", "alcohol", "business use"),
    "third-party property": ("deliberate", "alcohol", "business use"),
    "equipment breakdown": ("wear", "known before", "business use"),
    "trip cancellation": ("known before", "alcohol", "business use"),
}

# ---- Signs of fraud

SIGNS: dict[Sign, Pool] = {
    "no receipts": Pool(
        train=(
            "no receipts for anything",
            "cannot show a single receipt",
            "no [proof of purchase|receipts] at all",
        ),
        validation=("not one receipt",),
        test=(
            "receipts do not exist",
            "cannot prove any purchase",
            "has lost all receipts, he says",
        ),
    ),
    "cover raised": Pool(
        train=(
            "limit was raised [days|shortly] before the loss",
            "cover [increased|doubled] last week",
            "[asked for|got] a higher limit just before",
        ),
        validation=("raised the sum insured just before",),
        test=("asked for a higher limit shortly before the loss", "cover doubled the week before"),
    ),
    "similar claim": Pool(
        train=(
            "[third|second] claim of this kind this year",
            "same claim with another insurer",
            "[two|three] such claims in 12 months",
        ),
        validation=("two like claims this year already",),
        test=("fourth such claim in 12 months", "has claimed this elsewhere too"),
    ),
    "story changed": Pool(
        train=(
            "story changed between calls",
            "two versions of events",
            "[account|version] differs from the first call",
        ),
        validation=("tells it differently each time",),
        test=(
            "account differs from the first statement",
            "changed his version in the second call",
            "gave us two stories",
        ),
    ),
    "pressing": Pool(
        train=(
            "pushes for cash today",
            "wants quick cash, no inspection",
            "[demands|insists on] money now, will not let us inspect",
        ),
        validation=("refuses an inspection, wants cash",),
        test=("insists on cash now and no visit", "will not let us inspect, demands money fast"),
    ),
    "altered papers": Pool(
        train=(
            "invoice looks altered",
            "dates on the bill were changed",
            "[photo is older|bill is older] than the loss",
            "[bill|invoice] seems edited",
        ),
        validation=("figures on the bill overwritten",),
        test=(
            "the bill seems to be edited",
            "photo was taken before the loss",
            "figures on the invoice do not look genuine",
        ),
    ),
    "money trouble": Pool(
        train=(
            "insured is deep in debt",
            "home in foreclosure",
            "insured [bankrupt|owes money to the bank]",
        ),
        validation=("bank is calling in his loans",),
        test=(
            "insured close to bankruptcy",
            "owes money to many",
            "house about to be foreclosed",
        ),
    ),
}

# ---- Papers and lawyers. {paper} is what the type of claim needs.

PAPERS: dict[ClaimType, tuple[str, ...]] = {
    "water damage": ("plumber's report", "repair estimate"),
    "flood": ("proof of loss", "photos"),
    "fire": ("fire report", "proof of loss"),
    "windstorm": ("roofer's report", "photos"),
    "theft": ("police report",),
    "vandalism": ("police report",),
    "vehicle collision": ("police report", "repair estimate"),
    "animal strike": ("repair estimate", "photos"),
    "third-party injury": ("medical records",),
    "third-party property": ("owner's statement", "repair estimate"),
    "equipment breakdown": ("technician's report",),
    "trip cancellation": ("doctor's note", "cancellation invoice"),
}
MISSING = Pool(
    train=(
        "{paper} [still|is] missing",
        "{paper} not [received|come in|arrived] yet",
        "waiting for the {paper}",
        "insured has not [sent|given us] the {paper}",
        "no {paper} [on|in the] file",
        "[still without|lacks] the {paper}",
        "{paper} [outstanding|to follow]",
    ),
    validation=("{paper} to be sent", "we do not have the {paper} yet"),
    test=(
        "{paper} has not come in",
        "the {paper} was never sent",
        "file lacks the {paper}",
        "we asked for the {paper}, nothing came",
        "cannot go on without the {paper}",
    ),
)
ARRIVED = Pool(
    train=(
        "{paper} [on|in the] file",
        "missing {paper} [received|arrived] today",
        "{paper} [received|came in] and fine",
        "got the {paper} after [two reminders|we asked again]",
        "[we have|have] the {paper}",
    ),
    validation=("{paper} came in yesterday",),
    test=(
        "{paper} is now in the file",
        "{paper} arrived after we asked again",
        "{paper} was handed in",
        "insured brought the {paper}",
    ),
)
LEGAL = Pool(
    train=(
        "[lawyer's|attorney's] letter demands payment",
        "lawyer [threatens|announced] to sue",
        "[suit|lawsuit] filed against us",
        "represented by [a lawyer|counsel], demand letter in",
        "[counsel|attorney] [sent|wrote] a demand, legal action next",
    ),
    validation=("a lawyer has written and sets a deadline",),
    test=(
        "attorney put in a demand",
        "we were served with a lawsuit",
        "legal action announced by counsel",
        "his lawyer wants payment or will go to court",
    ),
)
NOT_LEGAL = Pool(
    train=(
        "no [lawyer|counsel|suit] involved",
        "insured's sister is a lawyer, no demand made",
        "asked if a lawyer is needed, told no",
        "[nobody|no one] has [a lawyer|sued]",
        "[works for|friend at] a law firm, no demand",
    ),
    validation=("no legal steps",),
    test=(
        "insured works for a law firm, no demand",
        "nobody has gone to a lawyer",
        "no suit, no counsel",
        "his aunt is an attorney but nothing was demanded",
    ),
)
CLEAN = Pool(
    train=("no red flags", "nothing suspicious", "photos match the story"),
    validation=("story checks out",),
    test=("nothing odd about this one", "facts fit together"),
)

# ---- Around the facts. {name} and {town} come from lists of the split, {file} is a number of no meaning.

OPENINGS = Pool(
    train=(
        "Call from {name}, {town}.",
        "FNOL {name}:",
        "Claimant {name}, {town}.",
        "File {file}, {name}.",
        "Spoke to {name}.",
        "{name} reports:",
        "Insured {name} of {town}.",
        "Note to file, {name}:",
    ),
    validation=("{name} rang from {town}.", "Diary {file}, {name}.", "Heard from {name}."),
    test=(
        "Rec'd first report, {name}, {town}.",
        "{name} of {town} writes:",
        "New file {file}: {name}.",
        "Talked with {name}.",
        "{name}, {town}, by phone.",
        "Assigned {file}, policyholder {name}.",
        "Message from {name}.",
    ),
)
ASIDES = Pool(
    train=(
        "earlier {decoy} claim in {past} paid and closed",
        "not related to his {decoy} claim of {past}",
        "the house next door had a {decoy} loss last month",
        "call back after 5 pm",
        "prefers email",
        "insured very upset",
        "best reached by text",
        "two kids and a dog at home",
        "spouse will sign",
        "weather was dry that week",
    ),
    validation=(
        "old {decoy} claim from {past} has nothing to do with it",
        "reach her at work",
        "photos by text",
    ),
    test=(
        "his {decoy} loss of {past} was settled long ago",
        "a cousin had {decoy} the same week, another policy",
        "mailbox full, try again",
        "speaks little English, son helps",
        "on vacation from Friday",
        "previous {decoy} file is closed since {past}",
    ),
)
OTHER_LOSSES = Pool(
    train=(
        "earlier claim of {past}: {story}, paid and closed",
        "[neighbor|the house next door] also has a claim: {story}",
        "had another loss in {past} when {story}, [closed|settled]",
        "do not mix up with file {file}, where {story}",
        "in {past} {story}, that is [another|a different] file",
    ),
    validation=("his old file from {past} ({story}) is closed", "unlike the case next door, where {story}"),
    test=(
        "previous loss in {past}, settled: {story}",
        "a cousin in town has a claim as well: {story}",
        "separate file {file} is open because {story}",
    ),
)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES = Pool(
    train=_names(
        "Adam Bella Carl Dora Edgar Faye Gavin Helen Ivan Joan Kurt Lena Marco Nora Otto Paula Quentin Rosa Stefan Tina "
        "Ulf Vera Walter Yolanda Zack Amira Boris Chloe Diego Erin"
    ),
    validation=_names("Abel Bridget Cyril Daphne Emil Fiona Gus Hazel"),
    test=_names("Anselm Beatriz Cormac Delia Enzo Farah Gideon Hilda Ismael Junko Kofi Lucinda Milan Nadine Olaf Petra"),
)
LAST_NAMES = Pool(
    train=_names(
        "Abbott Becker Castillo Dunn Ellis Foster Grant Hoffman Ivers Jensen Keller Lopez Mason Novak Ortiz Parker Quinn "
        "Reyes Schmidt Turner Usher Vance Weber Xu York Zeller Albright Brandt Cho Drake"
    ),
    validation=_names("Archer Bloom Crane Dietz Engel Frost Gomez Hale"),
    test=_names(
        "Ashby Bjork Calloway Demir Espinoza Fairley Goode Hartung Iqbal Jovanovic Kimura Lundgren Mbeki Nash Okafor Pruitt"
    ),
)
TOWNS = Pool(
    train=_names("Ashford Brookfield Cedarton Dayton Eastport Fairview Glenwood Hillcrest Kingston Lakeside"),
    validation=_names("Alderbay Birchton Copperfield Dunmore"),
    test=_names("Ardenfalls Bayview Clearbrook Doverton Elkhorn Foxborough"),
)
ROOMS = ("kitchen", "living room", "bedroom", "bathroom", "basement", "hallway", "dining room", "garage")
CARS = ("car", "truck", "van", "sedan", "SUV", "pickup", "wagon")
