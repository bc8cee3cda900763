"""What came of it, in the words of claim files: effects by claim type, and stories that sound like another type."""

from dataclasses import dataclass

from app.domains.claims_language import Pool
from app.domains.claims_rules import ClaimType

# As in claims_causes.py: {room} and {car} are blanks, [this|that] is one of several ways to say it.
EFFECTS: dict[ClaimType, Pool] = {
    "water damage": Pool(
        train=(
            "ceiling drywall down, carpet soaked",
            "laminate buckled and cabinets swollen",
            "wet drywall cut out, fans running",
            "baseboards off, two rooms wet",
            "plumber shut the main",
            "[plumber|handyman] [fixed|capped] the [pipe|leak]",
            "mold [behind|under] the [boards|cabinets]",
            "[dehumidifier|dryers] [set up|running]",
            "[drywall|insulation] [wet|soaked] and [removed|cut out]",
            "paint [bubbling|peeling], floor [warped|swollen]",
            "water [shut off|stopped] at the [valve|meter]",
        ),
        validation=("subfloor at 90 pct moisture", "plumber replaced the part, plaster stained"),
        test=("boards cupped, plaster coming away", "stains through the ceiling, cupboards warped", "drying crew on site"),
    ),
    "flood": Pool(
        train=(
            "mud line at 18 inches",
            "carpet and drywall soaked, furniture floated",
            "silt in every room",
            "walls wet to the window sills",
            "furnace and lower cabinets under water",
            "[silt|mud|sludge] [all over|on] the [floor|walls]",
            "[street|whole block] [evacuated|cut off]",
            "[pumped out|water gone] after two days",
            "water line [on|up] the walls, [furniture|appliances] ruined",
            "[sewage|mud] smell, all [floors|furniture] [lost|out]",
            "road [closed|under water], [sandbags|boats] used",
        ),
        validation=("sludge on all floors", "neighbors evacuated by boat"),
        test=("tide mark at waist height", "mud and debris in the house", "everything below the sockets is lost"),
    ),
    "fire": Pool(
        train=(
            "smoke and soot in all rooms",
            "cabinets charred, brigade put it out",
            "heat cracked the windows",
            "contents smell of smoke",
            "total loss, fire department on scene",
            "[fire brigade|fire department] [put it out|attended]",
            "[soot|smoke] [everywhere|on all walls]",
            "[roof|rafters] burned [through|away]",
            "[burn|scorch] marks, [smoke|ash] in the rooms",
            "walls [black|charred], contents [burned|lost]",
            "[fire report|origin report] to follow",
        ),
        validation=("soot on walls and clothes", "engine company out in ten minutes"),
        test=("scorched to the studs", "firefighters cut open the wall", "blackened ceiling, smoke odor"),
    ),
    "windstorm": Pool(
        train=(
            "tarp on the roof",
            "shingles all over the yard",
            "debris on the lawn, gutters bent",
            "rafters exposed",
            "roofer to inspect the slope",
            "[roofer|contractor] put a tarp [up|on]",
            "[tiles|branches|shingles] [on|over] the [ground|drive]",
            "[wind|storm] speeds on record",
            "[holes|leaks] in the roof [covered|patched]",
            "[gutters|siding] [hanging|bent|gone]",
            "[hail|wind] damage [on|to] all sides",
        ),
        validation=("rafters open to the sky", "dents on every slope"),
        test=("ridge open and sheeted over", "roofing contractor booked", "fence panels across the yard"),
    ),
    "theft": Pool(
        train=(
            "lock forced, list of items sent",
            "serial numbers given",
            "nothing recovered",
            "neighbor's camera shows two people leaving",
            "door frame split",
            "[goods|items] [not recovered|still missing]",
            "[lock|window] [broken|forced], [drawers|rooms] searched",
            "[list|receipts] of [stolen|missing] [items|goods] sent",
            "[thief|burglars] seen on camera",
            "[police|officers] looking for the [thieves|goods]",
            "[value|receipts] of what was [taken|stolen] listed",
        ),
        validation=("items not found", "camera caught one man with a bag"),
        test=("no trace of the goods", "pry marks on the frame", "inventory of lost items attached"),
    ),
    "vandalism": Pool(
        train=(
            "nothing is missing",
            "repaint needed on all panels",
            "glass to be replaced",
            "no suspect known",
            "done with intent, neighbor heard laughing",
            "[nothing|no goods] [taken|stolen]",
            "[deliberate|malicious] [act|damage]",
            "[cleaning|repainting|new glass] needed",
            "[vandals|culprits] [unknown|seen running]",
            "[spite|mischief], [no|not any] motive known",
            "[police|patrol] took photos of the damage",
        ),
        validation=("no item gone", "cleaning tried, did not help"),
        test=("all goods still there", "nobody caught", "panels need filler and new paint"),
    ),
    "vehicle collision": Pool(
        train=(
            "bumper and fender crushed",
            "airbags out, towed",
            "other driver's details taken",
            "door will not open, frame bent",
            "both cars driven away",
            "[bumper|fender|door] [crushed|bent], [car|it] [towed|not drivable]",
            "[airbags|belts] [fired|deployed]",
            "[insurance|plates] of the other driver noted",
            "[impact|hit] on the [left|right|front] side",
            "[police|witness] at the crash",
            "[lamp|wheel|hood] [broken|bent] by the impact",
        ),
        validation=("radiator pushed back, towed to yard", "tail lamp and trunk bent"),
        test=("wheel and axle bent", "front end pushed in, not drivable", "details swapped at the scene"),
    ),
    "animal strike": Pool(
        train=(
            "bumper and grille broken, hair in the radiator",
            "hood and headlamp gone, towed",
            "animal dead at the scene",
            "windshield gone, driver unhurt",
            "ranger came out",
            "[animal|it] [dead|killed|ran away]",
            "[fur|hair|feathers] [on|in] the [bumper|grille]",
            "[hunter|ranger|vet] [called|came]",
            "[hood|lamp|windshield] [broken|crushed] by the animal",
            "[carcass|body] [taken away|left on the verge]",
            "[forest|game] office told",
        ),
        validation=("fur on the fender", "carcass removed by road crew"),
        test=("blood and hair on the panel", "radiator pushed in, game warden told", "carcass at the verge"),
    ),
    "third-party injury": Pool(
        train=(
            "ambulance called, medical bills to follow",
            "wants treatment and lost wages paid",
            "off work for weeks",
            "X-ray done, cast on",
            "bodily injury only",
            "[hospital|doctor] [bill|report] [sent|to come]",
            "[injured|hurt] person [wants|claims] [damages|wages]",
            "[surgery|cast|stitches] [needed|done]",
            "[off|unable to] work for [weeks|a month]",
            "[pain|injury] [lasting|treated], insured blamed",
            "[ambulance|paramedics] took [her|him] away",
        ),
        validation=("physio for two months", "says insured should have fixed it"),
        test=("taken to the ER, claims pain and wages", "stitches and a brace", "holds insured liable for her bills"),
    ),
    "third-party property": Pool(
        train=(
            "owner holds insured liable",
            "third party wants it replaced",
            "insured admits he did it",
            "third party property damage only",
            "nobody hurt, owner sent a bill",
            "[owner|neighbor] [wants|asks for] [payment|a new one]",
            "[bill|quote] from the [owner|neighbor] [sent|enclosed]",
            "[insured|he] [is sorry|takes the blame]",
            "[only|just] [things|property] of [others|a third party] damaged",
            "[liability|fault] [admitted|not disputed]",
            "[damaged|broken] item belongs to [someone else|a neighbor]",
        ),
        validation=("owner asks insured to pay", "no one injured"),
        test=("the owner sends the repair bill", "insured says sorry and accepts blame", "claim is by the other household"),
    ),
    "equipment breakdown": Pool(
        train=(
            "technician says replace the unit",
            "no outside cause",
            "part on order",
            "unit is six years old, serviced each year",
            "error code on the display",
            "[technician|mechanic|repair man] [says|found] [beyond repair|a failed part]",
            "[motor|board|unit] [must be|to be] replaced",
            "[error|fault] code shown",
            "[wear|age] not the cause, [serviced|maintained] yearly",
            "[spare part|new unit] ordered",
            "[no|without] outside [damage|force], failed [inside|by itself]",
        ),
        validation=("engineer found a failed winding", "unit out of warranty"),
        test=("repair man says parts are no longer made", "unit dead, breaker fine", "mechanic found an inner fault"),
    ),
    "trip cancellation": Pool(
        train=(
            "tickets and hotel not refunded",
            "booking paid in full",
            "airline gave a voucher for part",
            "four travelers on the booking",
            "cancellation fee charged",
            "[hotel|flight|tour] [cost|price] [lost|not refunded]",
            "[cancellation|rebooking] [fee|cost] claimed",
            "[tickets|vouchers] [no use|expired]",
            "[booked|paid] [months|weeks] before",
            "[agency|airline] [refuses|gives no] refund",
            "[doctor's note|booking] [enclosed|sent]",
        ),
        validation=("deposit kept by the hotel", "prepaid tours lost"),
        test=("fares lost for the whole family", "resort refuses to pay back", "nonrefundable booking"),
    ),
}


@dataclass(frozen=True)
class Trap:
    """A story whose words suggest `decoy`. Empty training phrases: the pair is met in the test alone."""

    type: ClaimType
    decoy: ClaimType
    phrases: Pool


TRAPS: tuple[Trap, ...] = (
    Trap(
        "water damage",
        "flood",
        Pool(
            train=(
                "the whole basement was flooded after a pipe burst",
                "came home to a flooded {room}, washing machine hose off",
                "flood in the {room} from the broken toilet supply",
            ),
            validation=("two inches of flood water in the {room}, the boiler had emptied itself",),
            test=("the {room} was flooded, plumber found the water heater split", "flood upstairs from a cracked sink trap"),
        ),
    ),
    Trap(
        "flood",
        "windstorm",
        Pool(
            train=(
                "after the storm the river was in the {room}, roof untouched",
                "hurricane rain raised the creek into the house, no wind damage",
                "the storm passed, then water from the street came in at the door",
            ),
            validation=("the gale drove the bay over the road and into the {room}",),
            test=(
                "the cyclone spared the roof but the sea came up into the {room}",
                "wind was no issue, the brook rose indoors",
            ),
        ),
    ),
    Trap(
        "flood",
        "water damage",
        Pool(
            train=(
                "{room} soaked, plumbing checked and sound, the water came in off the street",
                "wet drywall and carpet, no leak found, the creek was over the yard",
                "pipes intact, rain water ran down the hill into the {room}",
            ),
            validation=("no pipe broken, the ditch outside filled and came into the {room}",),
            test=(
                "plumber found every pipe dry, the stream had come in from the garden",
                "drains of the road backed up indoors",
            ),
        ),
    ),
    Trap(
        "fire",
        "water damage",
        Pool(
            train=(
                "{room} soaked by the hoses when the blaze upstairs was put out",
                "ceiling down and carpets wet from water used on the attic fire",
                "water all over the {room}, the brigade was fighting flames next to it",
            ),
            validation=("mostly a wet {room}, from the engine company's hoses on the burning loft",),
            test=("most of the loss is hose water from the burning attic", "carpets drenched while crews put the flames out"),
        ),
    ),
    Trap(
        "fire",
        "vandalism",
        Pool(
            train=(
                "strangers set the porch on fire at night",
                "youths lit the trash cans and the flames took the fence",
                "unknown person threw a burning rag, {room} burned",
            ),
            validation=("a prank with lighter fuel left the door in flames",),
            test=("someone torched the {car} in the street", "vandals put a match to the shed and it burned down"),
        ),
    ),
    Trap(
        "windstorm",
        "water damage",
        Pool(
            train=(
                "rain came in where the wind had torn the roof, {room} ceiling wet",
                "carpet soaked, the gale had broken the skylight",
                "water stains in the {room} since hail cracked the tiles",
            ),
            validation=("leak over the {room} after gusts pulled the flashing off",),
            test=("drywall wet, the tiles over it went in the gale", "dripping in the {room}, wind had opened the ridge"),
        ),
    ),
    Trap(
        "windstorm",
        "vehicle collision",
        Pool(
            train=(),
            validation=("the {car} was hit on its roof by a sign that the storm blew down",),
            test=("a gust threw a branch against the moving {car}", "the parked {car} was crushed when a gale felled an elm"),
        ),
    ),
    Trap(
        "theft",
        "vandalism",
        Pool(
            train=(
                "door smashed, walls kicked in, and the TV taken",
                "window broken and the dash torn out, radio stolen",
                "thieves wrecked the {room} looking for cash and found it",
            ),
            validation=("fence cut, glass broken, and both bikes gone",),
            test=(
                "glass everywhere and drawers broken, the silver is missing",
                "lock drilled, paint on the wall, coins carried off",
            ),
        ),
    ),
    Trap(
        "theft",
        "vehicle collision",
        Pool(
            train=(
                "the stolen {car} was found wrecked against a tree",
                "{car} taken from the lot and crashed by the thief",
                "joyriders took the {car} and rolled it",
            ),
            validation=("the {car} was driven off by strangers and left bent round a post",),
            test=("the {car} vanished at night and turned up smashed into a wall", "whoever took the {car} hit a bus with it"),
        ),
    ),
    Trap(
        "vandalism",
        "theft",
        Pool(
            train=(
                "lock forced and the {room} trashed, nothing missing",
                "someone got in, slashed the sofas and took nothing",
                "{car} broken into, seats cut up, no item gone",
            ),
            validation=("intruders poured bleach over the {room} and left all goods behind",),
            test=(
                "break in where only damage was done, TV and cash still there",
                "window forced, furniture smashed, not one thing taken",
            ),
        ),
    ),
    Trap(
        "vandalism",
        "vehicle collision",
        Pool(
            train=(
                "parked {car} found with doors kicked in, no crash",
                "dents all over the {car} from a hammer, not an accident",
                "someone jumped on the roof of the parked {car}",
            ),
            validation=("fender beaten with a pipe while the {car} stood at home",),
            test=("hood and roof of the {car} dented by stamping feet", "bodywork bashed with a bat, the {car} had not moved"),
        ),
    ),
    Trap(
        "vehicle collision",
        "animal strike",
        Pool(
            train=(
                "swerved round a deer, missed it and hit a tree",
                "braked for a dog and was rear ended, dog unhurt",
                "avoided a cow and slid into the ditch",
            ),
            validation=("missed a fox by inches but not the wall behind it",),
            test=("dodged a stag, which ran on, and went into a lamp post", "stopped for ducks and a truck ran into the back"),
        ),
    ),
    Trap(
        "animal strike",
        "vehicle collision",
        Pool(
            train=(
                "head on collision with a deer on the highway",
                "crash at 50 mph, the other party was a cow",
                "front end collision, hair of a boar in the bumper",
            ),
            validation=("collided with a loose pony at the crossing",),
            test=("rear ended nothing, an elk ran into the back door", "crashed into a sheep that stood on the road"),
        ),
    ),
    Trap(
        "third-party injury",
        "animal strike",
        Pool(
            train=(
                "insured's dog bit the mail carrier in the hand",
                "the insured's horse kicked a visitor, broken rib",
                "dog of insured knocked a child over, stitches needed",
            ),
            validation=("a guest was scratched in the eye by the insured's cat",),
            test=(
                "a courier needs shots after the insured's shepherd bit him",
                "the insured's goat butted a walker, who hurt her knee",
            ),
        ),
    ),
    Trap(
        "third-party injury",
        "vehicle collision",
        Pool(
            train=(
                "cyclist knocked off by insured's {car} wants treatment paid, no car damage claimed",
                "pedestrian hit by insured, bodily injury claim for the leg",
                "passenger of the other car claims whiplash from insured",
            ),
            validation=("the biker hit by insured asks for his hospital costs, the {car} has no scratch",),
            test=(
                "woman on the crossing hit by insured, broken pelvis, claims her care",
                "other driver's neck injury, vehicles not claimed",
            ),
        ),
    ),
    Trap(
        "third-party property",
        "water damage",
        Pool(
            train=(
                "insured's bath ran over into the flat below, neighbor claims his ceiling",
                "insured's washing machine leaked and the tenant below lost a carpet",
                "a pipe of insured wet the shop next door, owner claims stock",
            ),
            validation=("insured's sink overflowed onto the dentist below, who wants his floor paid",),
            test=(
                "water from the insured's flat stained the ceiling of the people below",
                "insured's tap was open, downstairs neighbor's bed ruined",
            ),
        ),
    ),
    Trap(
        "third-party property",
        "fire",
        Pool(
            train=(),
            validation=("sparks of the insured's bonfire burned the tent of the campers next to him",),
            test=("insured's barbecue burned the neighbor's fence", "insured's candle fell and scorched the host's table"),
        ),
    ),
    Trap(
        "equipment breakdown",
        "fire",
        Pool(
            train=(
                "the pump motor burned out, smell of smoke, no flames",
                "compressor overheated and tripped, smoke but no fire",
                "board of the oven burned out inside, nothing else touched",
            ),
            validation=("the fan coil cooked itself, a whiff of smoke, no fire",),
            test=("the motor windings burned through, no flame seen", "the mixer smoked and died, nothing caught fire"),
        ),
    ),
    Trap(
        "equipment breakdown",
        "water damage",
        Pool(
            train=(
                "the sump pump motor failed, claim is for the pump",
                "water heater dead, heating element failed, no leak",
                "dishwasher stopped with water inside, pump broken, floor dry",
            ),
            validation=("the washer will not spin or drain, bearing gone, no water escaped",),
            test=(
                "boiler shows no heat, its pump failed, nothing got wet",
                "the well motor quit, tank dry, claim for the motor",
            ),
        ),
    ),
    Trap(
        "trip cancellation",
        "windstorm",
        Pool(
            train=(
                "the hurricane closed the airport and the holiday was lost",
                "storm warning, cruise did not sail, booking lost",
                "hail grounded all flights, hotel would not refund",
            ),
            validation=("gales stopped the ferry and the island stay was lost",),
            test=(
                "the cyclone shut the resort, so nobody could travel",
                "flights off because of high wind, wedding weekend missed",
            ),
        ),
    ),
    Trap(
        "trip cancellation",
        "flood",
        Pool(
            train=(),
            validation=("the river was over the resort road, stay called off",),
            test=(
                "the hotel abroad was flooded and cancelled the booking",
                "high water in the city, so the tour was called off",
            ),
        ),
    ),
)
