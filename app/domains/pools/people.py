"""Pools about health, feelings, leisure, family and daily talk."""

TEXT = """
# sentiment
? Is the review positive or negative? | How does the writer feel about it? | Choose the sentiment of the text.
> {x} | {x}. {y} | Bought in {month}: {x} | {name} writes: {x}
positive/good: I love it; great quality; works perfectly; excellent value; a wonderful evening; very friendly staff;
  highly recommended;
  best purchase of the year; delicious food; beautiful and comfortable; it made me happy; superb; a pleasant surprise;
  five stars
negative/bad: I hate it; poor quality; broken after a day; a waste of money; a terrible evening; rude staff;
  never again; the worst ever;
  disgusting food; ugly and uncomfortable; very disappointing; awful; does not work; one star; boring and far too long
neutral/mixed: it is okay; neither good nor bad; average; as described; nothing special; some good and some bad points;
  it does the job

# emotion
? Which emotion does the text show? | What does the speaker feel?
> {x} | {name}: {x} | "{x}" | {x}, said {name}
joy/happiness: I am so happy; what a wonderful day; we laughed and danced; hooray, I passed; I could sing; I smiled all day
sadness: I cried all night; I miss her so much; my heart is heavy; tears ran down; he is gone for ever; I feel so alone
anger: how dare you; I am furious; I slammed the door; stop that at once; he shouted and hit the table; I hate liars
fear: I am scared of the dark; my knees trembled; there is someone in the house; I dare not go in; I am terrified;
  she was pale with fright
surprise: I did not expect that; wow, really; out of the blue; I could not believe my eyes; what, already here;
  that is news to me
disgust: it smells rotten; how revolting; that makes me sick; the mould on the bread; ugh, worms; I nearly threw up
love: you mean everything to me; I adore her; kiss me; my darling; I want to marry you; for ever yours

# movie-genre
? What genre is the film? | Which kind of film is it?
> {x} | Tonight: {x} | Plot: {x} | {name} liked the film: {x}
comedy: two fools and a wedding full of jokes; a funny clown; we laughed at every gag; a hilarious mix-up
horror: a haunted house; the undead rise from graves; blood and screams at midnight; a ghost in the mirror; vampires
western: cowboys and a sheriff; a duel at noon; gold, horses and a saloon; outlaws ride through the prairie
science fiction/sci-fi: aliens land; a spaceship to Mars; robots rule the earth; time travel to the year 3000
romance: two people fall in love in {place}; a kiss in the rain; a love letter; they marry in the end
war: soldiers in the trench; the battle of the bulge; a tank crew behind enemy lines; bombs over the town
crime/thriller: a detective hunts a killer; a bank robbery; the inspector finds a clue; a stolen painting and a murder
documentary: the true life of penguins; how glass is made; facts about the ocean; interviews with witnesses
fantasy: a wizard and a dragon; elves and a magic ring; an enchanted sword; the fairy queen

# home-intent
? What does the user want the assistant to do? | Which command is it?
> {x} | Hey, {x} | {x}, please | Could you {x}
play music: put on some jazz; start my playlist; I want to hear a song; turn up the radio; next track
set alarm/alarm: wake me at seven; get me up at six thirty; ring at noon; a wake-up call for tomorrow
weather: will it rain tomorrow; how cold is it outside; do I need an umbrella; is it sunny in {place}
lights: switch on the lamp; make it darker in here; dim the bulbs; turn off the lamps in the hall
call/phone: ring my mother; dial {name}; get {name} on the line; phone the office
shopping list: put milk on the list; I need eggs and bread; add sugar to what we buy
navigation/directions: how do I get to {place}; the fastest road home; take me to the station; where is the next exit
news: what happened today; read me the headlines; the latest from {place}
timer: count down five minutes; tell me when ten minutes are over; start a countdown
heating: make it warmer; set the room to twenty degrees; it is too cold, heat up; turn the radiator down

# travel-intent
? What does the traveller want? | Which service is asked for?
> {x} | Good day, {x} | {x} for {name} | We travel to {place}: {x}
book flight/flight: a seat on a plane; fly me there on {day}; two air tickets; a nonstop to {place} by air
book hotel/hotel: a double room for two nights; a bed with breakfast; a suite with a view of the sea; stay at an inn
rent car/car rental: hire a small automobile; a vehicle for the week; pick up a car at the airport
book table/restaurant: dinner for four at eight; a seat in a restaurant by the river; reserve a place for lunch
train ticket/train: a return by rail; a seat in the express; the next train; second class by rail to {place}
cancel/cancellation: I can't come any more; call off my reservation; please delete the booking
change/rebook: move it to {day}; one night longer; another date; switch my seat
complaint: the room was dirty; the bus never came; nobody met us; the food was cold

# medical-specialty
? Which doctor should see the patient? | Which medical specialty is it?
> {x} | Patient {n}: {x} | {name} has {x} | Reason for visit: {x}
cardiology/heart: chest pain; a racing heart; high blood pressure; palpitations; a heart murmur; an irregular pulse
dentistry/teeth: toothache; a broken tooth; bleeding gums; a loose filling; a wisdom tooth; a sore jaw after the crown
dermatology/skin: an itchy rash; red spots; eczema; a dark mole; acne; dry flaky patches; hives
ophthalmology/eyes: blurred vision; red eyes; double vision; cataract; cannot read small print; a speck in the eye
orthopaedics/bones and joints: a swollen knee; back pain; a broken wrist; a stiff hip; a torn ligament; a sprained ankle
neurology/nerves: migraine; a seizure; numb fingers; tremor; a stroke; loss of balance; tingling
gastroenterology/stomach: stomach ache; heartburn; diarrhoea; nausea after meals; constipation; an ulcer
ear nose and throat/ENT: a sore throat; an ear infection; a blocked nose; hoarse voice; ringing in the ears; tonsils
psychiatry/mental health: panic attacks; cannot sleep for worry; deep depression; hears voices; no joy in life
paediatrics/children: a baby with a fever; vaccines for a toddler; a child that does not grow; measles at school

# body-region
? Which part of the body is affected? | Where is the injury?
> {x} | {name} came in with {x} | Accident in {place}: {x} | Injury: {x}
head: a bump on the skull; a cut on the forehead; concussion; hit on the temple; a blow to the scalp
face: a broken nose; a split lip; bruised cheek; a scratch on the chin; a black eye
arm: a sore elbow; fractured forearm; a strained biceps; a bruise above the elbow; the upper limb in plaster
hand: a cut finger; thumb caught in the door; a burned palm; crushed knuckles; splinter under the nail
leg: a torn calf; a bruised thigh; shin hit by a pallet; a broken tibia; the knee gave way
foot: a crushed toe; twisted ankle; a nail through the sole; a blister on the heel; the boot was run over
back: a slipped disc; pain in the spine; lumbar strain; hurt while lifting, between the shoulder blades
chest: broken ribs; a bruised sternum; hit in the ribcage; sore when breathing
neck: whiplash; a stiff nape; a strained throat muscle; cannot turn his head
shoulder: a dislocated collarbone; a torn rotator cuff; pain when raising the arm overhead

# injury-type
? How was the person hurt? | What kind of accident was it?
> {x} | {name}: {x} | Report from {place}: {x} | On {day} {x}
fall: slipped on ice; tripped over a cable; dropped from a ladder; lost footing on the stairs; stumbled off the kerb
burn: scalded by hot tea; touched the stove; a flame caught the sleeve; steam hit the wrist; acid on the skin
cut: sliced with a knife; broken glass in the palm; the saw blade touched the thumb; a deep gash
bite/sting: the dog snapped at him; a bee got her; a snake in the grass; bitten by a cat; stung by a wasp
crush: jammed between two beams; fingers caught in a press; pinned under a crate; squeezed by the gate
strain/overexertion: pulled a muscle; lifted too much; sore after pushing carts; overdid it carrying boxes
poisoning: ate bad mushrooms; drank bleach; inhaled fumes; swallowed pills; spoiled fish

# restaurant-aspect
? What does the guest talk about? | Which aspect of the restaurant is reviewed?
> {x} | Review: {x} | {name} says {x} | Visit in {month}: {x}
food: the soup was cold; a tasty steak; fresh salad; overcooked fish; the best dessert; the sauce lacked salt
service/staff: the waiter was kind; we waited an hour for the menu; the waitress forgot us; quick and polite at the table
price/cost: too expensive; good value; cheap lunch; twenty euros for a burger; the bill was a shock
location/place: right by the station; a lovely view over the lake; hard to find; near the old market
atmosphere/ambience: candles and soft music; loud and crowded; cosy chairs; a warm mood; dim and romantic
cleanliness/hygiene: dirty glasses; spotless tables; a hair on the plate; the toilets smelled; sticky floor

# speech-act
? What is the speaker doing? | Which speech act is it?
> {x} | {name}: {x} | "{x}" | {x} - said {name} on {day}
greeting: hello there; good morning; hi everyone; nice to meet you; welcome
farewell/goodbye: see you tomorrow; bye for now; take care; good night; until next time
request: could you open the window; please pass the salt; would you help me; lend me a pen
offer: can I carry that; would you like some tea; let me help you; shall I drive
promise: I will pay you back; you have my word; I swear I will come; count on me
threat: do it or else; you will regret this; I will call the police; one more word and you are out
advice: you should see a doctor; try to sleep more; better take the bus; why not ask her
compliment: you look great; what a nice dress; you sing so well; your cake is superb
refusal: no, I won't; certainly not; I'd rather not; sorry, I can't do that

# politeness
? Is the message polite or rude? | What is the tone?
> {x} | Message: {x} | {name} writes: {x} | {x} (sent on {day})
polite/friendly: would you kindly help me; thank you so much; if it is no trouble; have a lovely day;
  I would be grateful; please
rude/impolite: shut up; you idiot; do it now, stupid; get lost; nobody asked you; what a fool you are; move it, you lazy lot

# opinion-or-fact
? Is it a fact or an opinion?
> {x} | {name} wrote that {x} | They say {x} | {x}, according to the text
fact: water boils at a hundred degrees; the bridge is 300 metres long; Paris lies in France; the shop opens at nine;
  he was born in {month};
  the train has six coaches; a week has seven days; iron is a metal
opinion: I think blue is the nicest colour; dogs are better than cats; the film is boring; in my view it is too dear;
  nobody should eat meat;
  it was the best match ever; in my opinion he is too young; I find tea awful

# certainty
? How sure is the speaker? | Is the speaker certain or not?
> {x} | {name} says {x} | "{x}" | Asked on {day}: {x}
certain/sure: I am absolutely sure; without any doubt; it is definitely him; I know for a fact; clearly it is so;
  there is no question
uncertain/unsure: maybe; perhaps he is right; I am not sure; it could be; I guess so; hard to say; possibly on {day}

# agreement
? Does the person agree or disagree?
> {x} | {name}: {x} | Answer: {x} | {x}, wrote {name}
agree/yes: you are right; exactly; I think so too; I share your view; true; of course; that is my opinion as well
disagree/no: that is wrong; I don't think so; not at all; I see it differently; nonsense; on the contrary; I must object

# age-group
? How old is the person? | Which stage of life is it?
> {x} | {name} is {x} | We met {x} | A photo of {x}
baby: in a cradle with a bottle; learning to crawl; a newborn; in nappies; eight weeks old
child: in primary school; seven years old; playing with dolls; losing milk teeth; in the third class
teenager: fifteen and in love; in high school with pimples; sixteen; too young to drive
adult: forty with two kids; working in an office; thirty-five and married; a mother of three
senior/old person: retired with grey hair; eighty-one; a grandfather with a stick; in a home for the aged

# family-relation
? Which relative is it? | Who is it in the family?
> {x} | {name} is {x} | The photo shows {x} | {x} came to dinner on {day}
mother: the woman who gave birth to me; my female parent; mum
father: my male parent; dad; the man who raised me
sister: my parents' daughter; the girl I grew up with; a female sibling
brother: my parents' son; a male sibling; the boy I grew up with
grandmother: my mother's mother; granny; my dad's mum
uncle: my father's brother; the man who married my aunt; mum's brother
cousin: my aunt's child; my uncle's daughter; the son of my aunt
wife: the woman I married; my female spouse; the bride of my wedding
neighbour: the person next door; who lives across the hall; from the house beside ours

# hobby
? What is the hobby? | How does the person spend free time?
> {x} | {name} likes {x} | On {day} {name} enjoys {x} | Club for {x}
reading: novels by the fire; a new book each week; the library; crime stories in bed
cooking: new recipes; soups and sauces; baking cakes; chopping herbs for a stew
gardening: roses; planting beans; pulling weeds; a greenhouse full of tomatoes
photography: a camera and lenses; portraits in black and white; snapshots of birds; a dark room
fishing: a rod by the lake; worms on a hook; waiting for a bite; trout at dawn
music: playing the guitar; a band rehearsal; singing in a choir; piano practice
knitting: wool and needles; scarves for the whole family; a sweater in the making; stitches and yarn
hiking: long walks in the hills; boots and a rucksack; a trail through the woods; climbing to the hut
collecting: rare stamps; old coins; postcards in albums; a shelf of model cars

# event-type
? What kind of event is it? | Which occasion is it?
> {x} | On {day} in {place}: {x} | {name} goes to {x} | Invitation to {x}
wedding: the bride in white; rings and vows; the groom kissed her; a married couple cut the cake
funeral: the coffin; mourners in black; a wreath on the grave; he was buried
birthday: candles for turning nine; presents and a cake with ten candles; the day she was born; she turns forty
concert: the band on stage; an orchestra; the singer and encore; fans with tickets to hear the choir
match/game: two teams and a whistle; the score at half time; fans cheer for a goal; a cup final
exam/test: pupils write answers; two hours of questions; pass or fail; a grade from the professor
trade fair: stands and brochures; firms show their products; visitors with badges in hall 4
election: voters and ballots; the polling station; candidates count votes; the new mayor

# season
? Which season is it? | In which season does it happen?
> {x} | In {place} {x} | {name} remembers: {x} | Diary: {x}
spring: the first flowers; lambs are born; trees turn green; the snow melts in {name}'s garden; cherry blossom;
  April showers
summer: a heat wave; swimming in the lake; July nights; ice cream on the beach; long holidays; harvest of wheat in August
autumn/fall: leaves turn red; the grapes are picked; October mist; chestnuts; geese leave for the south
winter: snow on the roofs; skating on the pond; Christmas; January frost; short dark days; sledges

# profession
? What is the person's job? | Which profession is it?
> {x} | {name} {x} | My neighbour {x} | In {place} there is someone who {x}
doctor: examines patients; prescribes medicine; works in a hospital; treats the sick
teacher: gives lessons; marks homework; explains sums to pupils; stands at the blackboard
farmer: milks cows; ploughs fields; harvests corn; keeps pigs
cook/chef: prepares meals; fries fish in a restaurant; makes sauces; tastes the soup
lawyer: defends clients in court; drafts wills; reads statutes; pleads before the judge
carpenter: builds cupboards; saws planks; makes wooden stairs; planes oak boards
driver: steers a bus; takes passengers to the airport; sits behind the wheel all day; delivers parcels by van
baker: kneads dough; gets up at three for the bread; sells rolls; bakes cakes
police officer: arrests thieves; directs the traffic; writes speeding tickets; wears a badge
programmer/developer: writes code; fixes bugs; builds web sites; tests software
hairdresser: cuts hair; dyes curls; trims beards; washes and combs
musician: plays the trumpet; composes songs; practises scales; tours with an orchestra
"""
